//! `tussah inspect`: what a module imports, exports and needs.

use crate::engine::{Caching, Compilation, load};
use crate::{say, units};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use tussah::error::Context;
use tussah::{Engine, ExternType, Module, Result};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The module, in the binary or the text format, or precompiled.
    file: PathBuf,
    /// For programs.
    #[arg(long)]
    json: bool,
    /// Trust the file if it is precompiled.
    #[arg(long)]
    allow_precompiled: bool,
    #[command(flatten)]
    compilation: Compilation,
    #[command(flatten)]
    caching: Caching,
}

/// # Errors
///
/// The file cannot be read, or is no valid module.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let mut config = arguments.compilation.config(false, false)?;
    config.cache(arguments.caching.cache()?);
    let engine = Engine::new(&config)?;
    let path = &arguments.file;
    let module = load(&engine, path, arguments.allow_precompiled)?;
    let size = std::fs::metadata(path)
        .with_context(|| format!("failed to look at `{}`", path.display()))?
        .len();
    let about = About::of(&module, size);
    if arguments.json {
        say(&serde_json::to_string_pretty(&about.json())?);
    } else {
        say(about.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of imports or exports: module, name, kind, type.
struct Item {
    module: Option<String>,
    name: String,
    kind: &'static str,
    ty: String,
}

struct About {
    name: Option<String>,
    imports: Vec<Item>,
    exports: Vec<Item>,
    /// What is counted, and in which unit.
    numbers: Vec<(&'static str, u64, bool)>,
}

impl About {
    fn of(module: &Module, size: u64) -> About {
        let item = |module: Option<&str>, name: &str, ty: ExternType| {
            let (kind, ty) = describe(&ty);
            Item {
                module: module.map(str::to_owned),
                name: name.to_owned(),
                kind,
                ty,
            }
        };
        let required = module.resources_required();
        let imports = module.imports();
        let exports = module.exports();
        About {
            name: module.name().map(str::to_owned),
            imports: imports
                .map(|import| item(Some(import.module()), import.name(), import.ty()))
                .collect(),
            exports: exports
                .map(|export| item(None, export.name(), export.ty()))
                .collect(),
            numbers: vec![
                ("file size", size, true),
                ("machine code size", module.text().len() as u64, true),
                ("functions defined", module.functions().len() as u64, false),
                ("memories", required.num_memories.into(), false),
                (
                    "largest initial memory in pages",
                    required.max_initial_memory_size.unwrap_or(0),
                    false,
                ),
                ("tables", required.num_tables.into(), false),
                (
                    "largest initial table in elements",
                    required.max_initial_table_size.unwrap_or(0),
                    false,
                ),
            ],
        }
    }

    fn json(&self) -> Value {
        let items = |items: &[Item]| -> Vec<Value> {
            let each = items.iter().map(|item| {
                let mut value = json!({
                    "name": item.name,
                    "kind": item.kind,
                    "type": item.ty,
                });
                if let Some(module) = &item.module {
                    value["module"] = json!(module);
                }
                value
            });
            each.collect()
        };
        let mut all = json!({
            "name": self.name,
            "imports": items(&self.imports),
            "exports": items(&self.exports),
        });
        for (what, number, _) in &self.numbers {
            all[what.replace(' ', "_")] = json!(number);
        }
        all
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(name) = &self.name {
            text += &format!("name: {name}\n");
        }
        for (what, number, bytes) in &self.numbers {
            let number = match bytes {
                true => units::show_size(*number),
                false => number.to_string(),
            };
            text += &format!("{what}: {number}\n");
        }
        for (title, items) in [("imports", &self.imports), ("exports", &self.exports)] {
            text += &format!("\n{title}: {}\n", items.len());
            let rows: Vec<[String; 3]> = items.iter().map(Item::row).collect();
            let width = |column: usize| {
                let widths = rows.iter().map(|row| row[column].chars().count());
                widths.max().unwrap_or(0)
            };
            let (first, second) = (width(0), width(1));
            for [name, kind, ty] in &rows {
                text += &format!("  {name:first$}  {kind:second$}  {ty}\n");
            }
        }
        text
    }
}

impl Item {
    fn row(&self) -> [String; 3] {
        // Names are the guest's: they must not move the cursor.
        let name = self.name.escape_debug();
        let name = match &self.module {
            Some(module) => format!("{}.{name}", module.escape_debug()),
            None => name.to_string(),
        };
        [name, self.kind.to_owned(), self.ty.clone()]
    }
}

fn describe(ty: &ExternType) -> (&'static str, String) {
    let range = |min: u64, max: Option<u64>| match max {
        Some(max) => format!("{min}..={max}"),
        None => format!("{min}.."),
    };
    match ty {
        ExternType::Func(ty) => {
            let list = |types: Vec<String>| match &types[..] {
                [one] => one.clone(),
                all => format!("({})", all.join(", ")),
            };
            let params = ty.params().map(|ty| ty.to_string()).collect::<Vec<_>>();
            let results = ty.results().map(|ty| ty.to_string()).collect();
            let params = format!("({})", params.join(", "));
            ("function", format!("{params} -> {}", list(results)))
        }
        ExternType::Global(ty) => {
            let mutable = if ty.mutability().is_var() { "mut " } else { "" };
            ("global", format!("{mutable}{}", ty.content()))
        }
        ExternType::Memory(ty) => {
            let wide = if ty.is_64() { ", 64-bit" } else { "" };
            let pages = range(ty.minimum(), ty.maximum());
            (
                "memory",
                format!("{pages} pages of {} bytes{wide}", ty.page_size()),
            )
        }
        ExternType::Table(ty) => {
            let wide = if ty.is_64() { ", 64-bit" } else { "" };
            let elements = range(ty.minimum(), ty.maximum());
            ("table", format!("{elements} of {}{wide}", ty.element()))
        }
        ExternType::Tag(_) => ("tag", String::new()),
    }
}
