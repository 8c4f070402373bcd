//! What the host permits in a preopened directory.

use bitflags::bitflags;

bitflags! {
    /// What a guest may do with a preopened directory, and with those below it.
    ///
    /// What is forbidden here is answered with `perm`; no descriptor that the guest makes gets around it, nor do links and
    /// renames from one preopened directory to another with more permissions.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DirPerms: usize {
        /// Looking: list entries, open what is inside, ask for metadata, read links.
        const READ = 0b1;
        /// Changing: make, rename, link and remove what is inside, and set its times.
        const MUTATE = 0b10;
    }
}

bitflags! {
    /// What a guest may do with the files of a preopened directory, and with those of the directories below it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FilePerms: usize {
        /// Read them.
        const READ = 0b1;
        /// Write, truncate and create them.
        const WRITE = 0b10;
    }
}
