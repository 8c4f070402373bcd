//! Attempts to reach what is outside of preopened directories, or to do what their permissions forbid. Each must be
//! refused with the error it names, and after each nothing outside has changed.
//!
//! The guest has three directories: 3 is `root`, where it may do anything; 4 is `other`, likewise; 5 is `readonly`. Beside
//! them lies `secret`. In `root` the host has left links that lead out of it.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::*;
use tempfile::TempDir;
use tussah_wasi::{DirPerms, FilePerms, WasiCtxBuilder};

const ROOT: i64 = 3;
const OTHER: i64 = 4;
const READONLY: i64 = 5;
const DIRECTORY_RIGHTS: i64 = ALL_RIGHTS & !FD_READ & !FD_WRITE;
/// How long each race is run.
const RACE: Duration = Duration::from_secs(10);

struct World {
    guest: Guest,
    folder: TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path();
        for dir in ["secret/empty", "root/dir/sub", "other", "readonly"] {
            fs::create_dir_all(at.join(dir)).expect("a folder can be made");
        }
        for file in [
            "secret/file",
            "root/file",
            "root/dir/file",
            "other/file",
            "readonly/file",
        ] {
            fs::write(at.join(file), file).expect("a file can be written");
        }
        symlink("file", at.join("secret/link")).expect("a link can be made");
        let secret = at.join("secret");
        let links: [(&Path, &str); 13] = [
            (&secret, "absolute"),
            (&secret.join("file"), "absolute_file"),
            (&secret.join("created"), "absolute_dangling"),
            (Path::new("../secret"), "up"),
            (Path::new("../secret/file"), "up_file"),
            (Path::new("../secret/created"), "up_dangling"),
            (Path::new("chain2"), "chain1"),
            (Path::new("dir/chain3"), "chain2"),
            (Path::new("../chain4"), "dir/chain3"),
            (Path::new("up/file"), "chain4"),
            (Path::new("/proc/self/root"), "magic"),
            (Path::new("/proc/self/cwd"), "magic_cwd"),
            (Path::new("dir/../../root/file"), "out_and_in"),
        ];
        for (target, name) in links {
            symlink(target, at.join("root").join(name)).expect("a link can be made");
        }
        let mut builder = WasiCtxBuilder::new();
        for (dir, dir_perms, file_perms) in [
            ("root", DirPerms::all(), FilePerms::all()),
            ("other", DirPerms::all(), FilePerms::all()),
            ("readonly", DirPerms::READ, FilePerms::READ),
        ] {
            builder
                .preopened_dir(at.join(dir), dir, dir_perms, file_perms)
                .expect("the folder is there");
        }
        World {
            guest: Guest::new(&mut builder),
            folder,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn absolute(&self, below: &str) -> String {
        self.path(below).to_str().expect("a utf-8 path").to_owned()
    }

    /// The error number of an attempt to open.
    fn open(&mut self, fd: i64, path: &str, follow: i64, oflags: i64, rights: i64) -> u32 {
        self.guest
            .open(fd, path, follow, oflags, rights)
            .err()
            .unwrap_or(0)
    }

    fn on(&mut self, name: &str, fd: i64, path: &str) -> u32 {
        let [at, len] = self.guest.first(path);
        self.guest.call(name, &[fd, at, len])
    }

    fn stat(&mut self, fd: i64, follow: i64, path: &str) -> u32 {
        let [at, len] = self.guest.first(path);
        self.guest
            .call("path_filestat_get", &[fd, follow, at, len, OUT])
    }

    fn set_times(&mut self, fd: i64, follow: i64, path: &str) -> u32 {
        let [at, len] = self.guest.first(path);
        self.guest
            .call("path_filestat_set_times", &[fd, follow, at, len, 1, 1, 5])
    }

    fn rename(&mut self, (from, old): (i64, &str), (to, new): (i64, &str)) -> u32 {
        let [old, old_len] = self.guest.first(old);
        let [new, new_len] = self.guest.second(new);
        self.guest
            .call("path_rename", &[from, old, old_len, to, new, new_len])
    }

    fn link(&mut self, (from, old): (i64, &str), (to, new): (i64, &str)) -> u32 {
        let [old, old_len] = self.guest.first(old);
        let [new, new_len] = self.guest.second(new);
        self.guest
            .call("path_link", &[from, 0, old, old_len, to, new, new_len])
    }

    fn symlink(&mut self, target: &str, (fd, new): (i64, &str)) -> u32 {
        let [old, old_len] = self.guest.first(target);
        let [new, new_len] = self.guest.second(new);
        self.guest
            .call("path_symlink", &[old, old_len, fd, new, new_len])
    }

    fn readlink(&mut self, fd: i64, path: &str) -> u32 {
        let [at, len] = self.guest.first(path);
        self.guest
            .call("path_readlink", &[fd, at, len, BUFFER, 4096, OUT])
    }

    /// What is outside of the directories that the guest may change, as text.
    fn outside(&self) -> String {
        let mut found = Vec::new();
        for top in ["", "secret", "readonly"] {
            for entry in fs::read_dir(self.path(top)).expect("a folder can be listed") {
                let path = entry.expect("an entry").path();
                let meta = fs::symlink_metadata(&path).expect("metadata");
                let content = if meta.is_file() {
                    fs::read_to_string(&path).expect("a file can be read")
                } else {
                    String::new()
                };
                // Folders are changed by what is made in them, so their times say nothing here.
                let time = meta.is_file().then(|| meta.modified().expect("a time"));
                found.push(format!("{} {content:?} {time:?}", path.display()));
            }
        }
        found.sort();
        found.join("\n")
    }
}

/// One test for each attempt: its name, the error that refuses it, and how it is made.
macro_rules! escapes {
    ($($name:ident: $errno:expr, |$world:ident| $attempt:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut world = World::new();
            let before = world.outside();
            let $world = &mut world;
            let answer: u32 = $attempt;
            assert_eq!(answer, $errno, "the attempt was answered with {answer}");
            assert_eq!(world.outside(), before, "something outside has changed");
        }
    )*};
}

escapes! {
    // Paths with `..`, and absolute ones.
    open_parent_file: PERM, |w| w.open(ROOT, "../secret/file", 0, 0, FD_READ);
    open_parent: PERM, |w| w.open(ROOT, "..", 0, 0, 0);
    open_parent_as_directory: PERM, |w| w.open(ROOT, "../", 0, DIRECTORY, 0);
    open_down_and_up: PERM, |w| w.open(ROOT, "dir/../../secret/file", 0, 0, FD_READ);
    open_down_and_up_twice: PERM, |w| w.open(ROOT, "dir/sub/../../dir/../../secret/file", 0, 0, FD_READ);
    open_dot_and_slashes: PERM, |w| w.open(ROOT, ".//.//..//secret///file", 0, 0, FD_READ);
    open_out_and_back: PERM, |w| w.open(ROOT, "../root/file", 0, 0, FD_READ);
    open_far_up: PERM, |w| w.open(ROOT, &format!("{}etc/passwd", "../".repeat(500)), 0, 0, FD_READ);
    open_absolute: PERM, |w| w.open(ROOT, "/etc/passwd", 0, 0, FD_READ);
    open_absolute_secret: PERM, |w| { let path = w.absolute("secret/file"); w.open(ROOT, &path, 0, 0, FD_READ) };
    open_absolute_inside: PERM, |w| { let path = w.absolute("root/file"); w.open(ROOT, &path, 0, 0, FD_READ) };
    open_the_root: PERM, |w| w.open(ROOT, "/", 0, DIRECTORY, 0);
    open_slashes: PERM, |w| w.open(ROOT, "//../..//", 0, DIRECTORY, 0);
    open_parent_of_a_descriptor: PERM, |w| {
        let sub = w.guest.open(ROOT, "dir/sub", 0, DIRECTORY, DIRECTORY_RIGHTS).expect("inside");
        w.open(sub, "../file", 0, 0, FD_READ)
    };
    open_parent_of_a_moved_descriptor: PERM, |w| {
        let sub = w.guest.open(ROOT, "dir/sub", 0, DIRECTORY, DIRECTORY_RIGHTS).expect("inside");
        assert_eq!(w.rename((ROOT, "dir/sub"), (OTHER, "sub")), 0);
        w.open(sub, "../../secret/file", 0, 0, FD_READ)
    };
    zero_byte_in_a_path: INVAL, |w| w.open(ROOT, "file\0/../../secret/file", 0, 0, FD_READ);
    path_that_is_no_text: ILSEQ, |w| {
        let [at, len] = w.guest.first(b"\xff\xc0/../secret");
        w.guest.call("path_open", &[ROOT, 0, at, len, 0, FD_READ, 0, 0, OUT])
    };

    // Links that the host left.
    open_through_an_absolute_link: PERM, |w| w.open(ROOT, "absolute/file", 0, 0, FD_READ);
    open_an_absolute_link: PERM, |w| w.open(ROOT, "absolute_file", FOLLOW, 0, FD_READ);
    open_an_absolute_link_to_a_folder: PERM, |w| w.open(ROOT, "absolute", FOLLOW, DIRECTORY, 0);
    open_through_a_link_up: PERM, |w| w.open(ROOT, "up/file", 0, 0, FD_READ);
    open_a_link_up: PERM, |w| w.open(ROOT, "up_file", FOLLOW, 0, FD_READ);
    open_a_chain: PERM, |w| w.open(ROOT, "chain1", FOLLOW, 0, FD_READ);
    open_a_chain_from_its_middle: PERM, |w| w.open(ROOT, "dir/chain3", FOLLOW, 0, FD_READ);
    open_a_link_out_and_in: PERM, |w| w.open(ROOT, "out_and_in", FOLLOW, 0, FD_READ);
    open_through_the_process_root: PERM, |w| w.open(ROOT, "magic/etc/passwd", FOLLOW, 0, FD_READ);
    open_through_the_process_folder: PERM, |w| w.open(ROOT, "magic_cwd/Cargo.toml", FOLLOW, 0, FD_READ);
    open_a_link_without_following: LOOP, |w| w.open(ROOT, "up_file", 0, 0, FD_READ);
    open_a_link_to_a_folder_with_a_slash: PERM, |w| w.open(ROOT, "up/", 0, DIRECTORY, 0);

    // Making files outside.
    create_above: PERM, |w| w.open(ROOT, "../secret/created", 0, CREAT, FD_WRITE);
    create_through_a_link: PERM, |w| w.open(ROOT, "up/created", 0, CREAT, FD_WRITE);
    create_at_a_dangling_link: PERM, |w| w.open(ROOT, "up_dangling", FOLLOW, CREAT, FD_WRITE);
    create_at_an_absolute_dangling_link: PERM, |w| w.open(ROOT, "absolute_dangling", FOLLOW, CREAT, FD_WRITE);
    create_exclusively_at_a_dangling_link: EXIST, |w| w.open(ROOT, "up_dangling", FOLLOW, CREAT | EXCL, FD_WRITE);
    truncate_above: PERM, |w| w.open(ROOT, "../secret/file", 0, TRUNC, FD_WRITE);
    truncate_through_a_chain: PERM, |w| w.open(ROOT, "chain1", FOLLOW, TRUNC, FD_WRITE);
    make_a_directory_above: PERM, |w| w.on("path_create_directory", ROOT, "../secret/made");
    make_a_directory_through_a_link: PERM, |w| w.on("path_create_directory", ROOT, "up/made");
    make_an_absolute_directory: PERM, |w| {
        let path = w.absolute("secret/made");
        w.on("path_create_directory", ROOT, &path)
    };

    // Asking and telling about files outside.
    stat_above: PERM, |w| w.stat(ROOT, 0, "../secret/file");
    stat_absolute: PERM, |w| w.stat(ROOT, 0, "/etc/passwd");
    stat_through_a_link: PERM, |w| w.stat(ROOT, 0, "up/file");
    stat_a_chain: PERM, |w| w.stat(ROOT, FOLLOW, "chain1");
    set_times_above: PERM, |w| w.set_times(ROOT, 0, "../secret/file");
    set_times_through_a_link: PERM, |w| w.set_times(ROOT, 0, "up/file");
    set_times_of_a_chain: PERM, |w| w.set_times(ROOT, FOLLOW, "chain1");
    read_a_link_above: PERM, |w| w.readlink(ROOT, "../secret/link");
    read_a_link_through_a_link: PERM, |w| w.readlink(ROOT, "up/link");
    read_an_absolute_link: PERM, |w| w.readlink(ROOT, "absolute");

    // Removing outside.
    remove_a_directory_above: PERM, |w| w.on("path_remove_directory", ROOT, "../secret/empty");
    remove_a_directory_through_a_link: PERM, |w| w.on("path_remove_directory", ROOT, "absolute/empty");
    remove_a_file_above: PERM, |w| w.on("path_unlink_file", ROOT, "../secret/file");
    remove_a_file_through_a_link: PERM, |w| w.on("path_unlink_file", ROOT, "up/file");
    remove_an_absolute_file: PERM, |w| {
        let path = w.absolute("secret/file");
        w.on("path_unlink_file", ROOT, &path)
    };

    // Renaming and linking.
    rename_from_above: PERM, |w| w.rename((ROOT, "../secret/file"), (ROOT, "stolen"));
    rename_from_a_link: PERM, |w| w.rename((ROOT, "up/file"), (ROOT, "stolen"));
    rename_to_above: PERM, |w| w.rename((ROOT, "file"), (ROOT, "../secret/file"));
    rename_to_a_link: PERM, |w| w.rename((ROOT, "file"), (ROOT, "absolute/file"));
    rename_absolute: PERM, |w| { let path = w.absolute("secret/file"); w.rename((ROOT, &path), (ROOT, "stolen")) };
    rename_across_preopens_from_above: PERM, |w| w.rename((ROOT, "../secret/file"), (OTHER, "stolen"));
    rename_across_preopens_to_above: PERM, |w| w.rename((ROOT, "file"), (OTHER, "../secret/file"));
    rename_across_preopens_by_one_descriptor: PERM, |w| w.rename((ROOT, "file"), (ROOT, "../other/moved"));
    link_from_above: PERM, |w| w.link((ROOT, "../secret/file"), (ROOT, "stolen"));
    link_from_a_link: PERM, |w| w.link((ROOT, "up/file"), (ROOT, "stolen"));
    link_to_above: PERM, |w| w.link((ROOT, "file"), (ROOT, "../secret/linked"));
    link_to_a_link: PERM, |w| w.link((ROOT, "file"), (ROOT, "up/linked"));
    link_absolute: PERM, |w| { let path = w.absolute("secret/file"); w.link((ROOT, &path), (ROOT, "stolen")) };
    link_across_preopens_from_above: PERM, |w| w.link((OTHER, "../secret/file"), (ROOT, "stolen"));
    link_across_preopens_to_above: PERM, |w| w.link((OTHER, "file"), (ROOT, "../secret/linked"));
    symlink_to_an_absolute_path: PERM, |w| w.symlink("/etc/passwd", (ROOT, "mine"));
    symlink_made_above: PERM, |w| w.symlink("file", (ROOT, "../secret/mine"));
    symlink_made_through_a_link: PERM, |w| w.symlink("file", (ROOT, "up/mine"));
    symlink_of_ones_own: PERM, |w| {
        // A link may point anywhere; it must not lead there.
        assert_eq!(w.symlink("../secret/file", (ROOT, "mine")), 0);
        w.open(ROOT, "mine", FOLLOW, 0, FD_READ)
    };
    symlink_of_ones_own_moved_up: PERM, |w| {
        // Harmless where it was made, and moved to where it is not.
        assert_eq!(w.symlink("../../secret", (ROOT, "dir/sub/mine")), 0);
        assert_eq!(w.rename((ROOT, "dir/sub/mine"), (ROOT, "dir/mine")), 0);
        w.open(ROOT, "dir/mine/file", FOLLOW, 0, FD_READ)
    };

    // What permissions forbid.
    write_what_is_read_only: PERM, |w| w.open(READONLY, "file", 0, 0, FD_READ | FD_WRITE);
    truncate_what_is_read_only: PERM, |w| w.open(READONLY, "file", 0, TRUNC, FD_READ);
    create_in_what_is_read_only: PERM, |w| w.open(READONLY, "new", 0, CREAT, FD_READ);
    remove_from_what_is_read_only: PERM, |w| w.on("path_unlink_file", READONLY, "file");
    make_a_directory_in_what_is_read_only: PERM, |w| w.on("path_create_directory", READONLY, "made");
    set_times_in_what_is_read_only: PERM, |w| w.set_times(READONLY, 0, "file");
    link_out_of_what_is_read_only: PERM, |w| w.link((READONLY, "file"), (ROOT, "writable"));
    rename_out_of_what_is_read_only: PERM, |w| w.rename((READONLY, "file"), (ROOT, "writable"));
    rename_into_what_is_read_only: PERM, |w| w.rename((ROOT, "file"), (READONLY, "file"));
    write_by_a_descriptor_that_may_only_read: NOTCAPABLE, |w| {
        let fd = w.guest.open(READONLY, "file", 0, 0, ALL_RIGHTS & !FD_WRITE).expect("it may be read");
        w.guest.write(fd, b"changed").expect_err("it may not be written")
    };
    truncate_by_a_descriptor_that_may_only_read: NOTCAPABLE, |w| {
        let fd = w.guest.open(READONLY, "file", 0, 0, ALL_RIGHTS & !FD_WRITE).expect("it may be read");
        w.guest.call("fd_filestat_set_size", &[fd, 0])
    };
    regain_rights_by_set_rights: NOTCAPABLE, |w| {
        w.guest.call("fd_fdstat_set_rights", &[READONLY, ALL_RIGHTS, ALL_RIGHTS])
    };
    regain_permissions_by_opening_dot: PERM, |w| {
        let dot = w.guest.open(READONLY, ".", 0, DIRECTORY, DIRECTORY_RIGHTS).expect("inside");
        w.on("path_unlink_file", dot, "file")
    };
    descriptors_of_the_host: BADF, |w| {
        let reachable = (6..200).find(|&fd| w.guest.call("fd_fdstat_get", &[fd, OUT]) != BADF);
        assert_eq!(reachable, None, "a descriptor that nobody gave the guest");
        w.guest.call("fd_renumber", &[100, 3])
    };
}

/// The same calls do work inside: refusals above are not for want of a right.
#[test]
fn what_is_inside_is_reached() {
    let mut world = World::new();
    let w = &mut world;
    let fd = w
        .guest
        .open(ROOT, "dir/../file", 0, 0, FD_READ | FD_WRITE)
        .expect("opens");
    assert_eq!(w.guest.read(fd, 100).expect("reads"), b"root/file");
    assert_eq!(w.guest.write(fd, b"!").expect("writes"), 1);
    assert_eq!(w.stat(ROOT, 0, "dir/file"), 0);
    assert_eq!(
        w.stat(ROOT, 0, "up_file"),
        0,
        "a link itself may be looked at"
    );
    assert_eq!(w.set_times(ROOT, 0, "dir/file"), 0);
    assert_eq!(w.on("path_create_directory", ROOT, "dir/made"), 0);
    assert_eq!(w.on("path_remove_directory", ROOT, "dir/made"), 0);
    assert_eq!(w.symlink("../file", (ROOT, "dir/mine")), 0);
    assert_eq!(w.readlink(ROOT, "dir/mine"), 0);
    assert!(w.guest.open(ROOT, "dir/mine", FOLLOW, 0, FD_READ).is_ok());
    assert_eq!(w.link((ROOT, "file"), (OTHER, "linked")), 0);
    assert_eq!(w.rename((ROOT, "file"), (OTHER, "moved")), 0);
    assert_eq!(w.on("path_unlink_file", OTHER, "moved"), 0);
    let fd = w
        .guest
        .open(READONLY, "file", 0, 0, FD_READ)
        .expect("opens");
    assert_eq!(w.guest.read(fd, 100).expect("reads"), b"readonly/file");
    assert_eq!(w.link((READONLY, "file"), (READONLY, "linked")), PERM);
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps a folder and a link to `secret` as fast as it can, while `attempt` runs. Gives how often that was let in and how
/// often it was refused.
fn race(attempt: impl Fn(&mut World) -> bool) -> (u32, u32) {
    let mut world = World::new();
    let inside = world.path("root/raced");
    let spare = world.path("root/spare");
    fs::create_dir(&inside).expect("a folder");
    fs::write(inside.join("file"), "inside").expect("a file");
    symlink("../secret", &spare).expect("a link");
    let before = world.outside();
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let counts = thread::scope(|scope| {
        scope.spawn(|| {
            let third = inside.with_file_name("third");
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in [(&inside, &third), (&spare, &inside), (&third, &spare)] {
                    fs::rename(from, to).expect("the host may rename");
                }
            }
        });
        // Also when an attempt panics: the other thread would go on, and be waited for.
        let _ends = Stop(stop);
        let (mut in_, mut refused) = (0, 0);
        let begun = Instant::now();
        while begun.elapsed() < RACE {
            if attempt(&mut world) {
                in_ += 1;
            } else {
                refused += 1;
            }
        }
        (in_, refused)
    });
    assert_eq!(world.outside(), before, "something outside has changed");
    counts
}

#[test]
fn racing_swaps_while_reading() {
    let (inside, refused) =
        race(
            |world| match world.guest.open(ROOT, "raced/file", FOLLOW, 0, FD_READ) {
                Ok(fd) => {
                    let read = world.guest.read(fd, 100).expect("an open file can be read");
                    assert_eq!(read, b"inside", "the guest has read a file outside");
                    assert_eq!(world.guest.call("fd_close", &[fd]), 0);
                    true
                }
                Err(_) => false,
            },
        );
    say(format_args!("{inside} reads inside, {refused} refused"));
    assert!(
        inside > 100 && refused > 100,
        "{inside} and {refused}: there was no race"
    );
}

#[test]
fn racing_swaps_while_changing() {
    let (inside, refused) = race(|world| {
        let made = match world
            .guest
            .open(ROOT, "raced/created", FOLLOW, CREAT, FD_WRITE)
        {
            Ok(fd) => {
                assert_eq!(
                    world
                        .guest
                        .write(fd, b"x")
                        .expect("an open file can be written"),
                    1
                );
                assert_eq!(world.guest.call("fd_close", &[fd]), 0);
                true
            }
            Err(_) => false,
        };
        world.on("path_create_directory", ROOT, "raced/made");
        world.set_times(ROOT, FOLLOW, "raced/file");
        world.link((ROOT, "file"), (ROOT, "raced/linked"));
        world.rename((ROOT, "raced/file"), (ROOT, "raced/renamed"));
        world.rename((ROOT, "raced/renamed"), (ROOT, "raced/file"));
        world.on("path_unlink_file", ROOT, "raced/link");
        world.on("path_remove_directory", ROOT, "raced/empty");
        made
    });
    say(format_args!("{inside} changes inside, {refused} refused"));
    assert!(
        inside > 100 && refused > 100,
        "{inside} and {refused}: there was no race"
    );
}
