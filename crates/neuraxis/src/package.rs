//! The program as a ROS 2 package: where it finds its files when installed, and how it installs itself without colcon.
//!
//! ```text
//! PREFIX/lib/neuraxis/neuraxis                                    the program
//! PREFIX/lib/neuraxis/{arm,sim,policy,viz}_node                   its nodes by name, for `ros2 run`
//! PREFIX/share/neuraxis/{package.xml,launch,urdf,configs,sim}     what it reads
//! PREFIX/share/neuraxis/neuraxis                                  starts the program, or says which libraries it lacks
//! PREFIX/share/ament_index/resource_index/packages/neuraxis       how `ros2` finds the package
//! PREFIX/setup.sh                                                 puts PREFIX in front of AMENT_PREFIX_PATH
//! ```
//!
//! `colcon build` makes the same tree (`package.metadata.ros` in Cargo.toml). Libraries and the sentence encoder stay where
//! `./neuraxis setup` put them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Name of the package.
const NAME: &str = "neuraxis";
/// Scripts that start one node each.
const NODES: [&str; 4] = ["arm_node", "sim_node", "policy_node", "viz_node"];
/// Folders that the program reads.
const FOLDERS: [&str; 4] = ["launch", "urdf", "configs", "sim"];

/// The clone that this binary was built in.
pub fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `PREFIX/share/neuraxis`, if this program is `PREFIX/lib/neuraxis/neuraxis`.
pub fn installed() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let prefix = program.parent().filter(|folder| folder.ends_with(Path::new("lib").join(NAME)))?.parent()?.parent()?;
    Some(share(prefix)).filter(|share| share.join("package.xml").is_file())
}

/// A piece of what setup made: below `root`, else in the clone that this binary was built in.
pub fn deps(root: &Path, piece: &str) -> PathBuf {
    let own = root.join(".deps").join(piece);
    if own.exists() { own } else { clone().join(".deps").join(piece) }
}

/// The sentence encoder; the error names the command that brings it.
pub fn text_encoder(root: &Path) -> Result<neuraxis_policy::text::MiniLm> {
    neuraxis_policy::text::MiniLm::load(&deps(root, "text"))
        .with_context(|| format!("no sentence encoder; run `{}`", remedy()))
}

/// The viewer that `./neuraxis setup` installs, if it is there.
pub fn viewer(root: &Path) -> Option<PathBuf> {
    Some(deps(root, "rerun/rerun_sdk/rerun_cli/rerun")).filter(|viewer| viewer.exists())
}

/// The one command that brings what is missing.
pub fn remedy() -> String {
    let clone = clone();
    format!("{}/neuraxis setup", clone.canonicalize().unwrap_or(clone).display())
}

/// URI of a folder: in terms of the package where `root` is that of an installed one, so that other machines that have
/// the package find it, too.
pub fn uri(root: &Path, folder: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(inside) if root.ends_with(Path::new("share").join(NAME)) => format!("package://{NAME}/{}", inside.display()),
        _ => format!("file://{}", folder.display()),
    }
}

/// Installs this program and its files below `prefix`, over what an earlier installation left there. Returns the lines
/// that say what to do next.
pub fn install(root: &Path, prefix: &Path) -> Result<String> {
    let program = std::env::current_exe().context("where is this program?")?;
    if installed().is_some_and(|share| share == root) {
        bail!("this program is installed already: install from a clone, `./neuraxis install --prefix DIR`");
    }
    fs::create_dir_all(prefix).with_context(|| format!("cannot make {}", prefix.display()))?;
    let prefix = prefix.canonicalize().with_context(|| prefix.display().to_string())?;
    if prefix.starts_with(root.join("crates")) || root.starts_with(&prefix) {
        bail!("--prefix {}: the clone itself; choose a folder of its own, such as ~/ros2/install", prefix.display());
    }
    let share = share(&prefix);
    for folder in FOLDERS {
        // What is no longer in the clone is not left behind.
        let to = share.join(folder);
        if to.exists() {
            fs::remove_dir_all(&to).with_context(|| format!("cannot renew {}", to.display()))?;
        }
        copy(&root.join(folder), &to)?;
    }
    write(&share.join("package.xml"), &fs::read_to_string(root.join("crates/neuraxis/package.xml"))?)?;
    let starter = share.join(NAME);
    fs::copy(root.join("crates/neuraxis/share").join(NAME), &starter)
        .with_context(|| format!("cannot write {}", starter.display()))?;
    write(&prefix.join("share/ament_index/resource_index/packages").join(NAME), "")?;
    write(&share.join("environment/ament_prefix_path.dsv"), "prepend-non-duplicate;AMENT_PREFIX_PATH;\n")?;
    write(&prefix.join("setup.sh"), &setup(&prefix))?;
    let to = prefix.join("lib").join(NAME).join(NAME);
    fs::create_dir_all(to.with_file_name("")).with_context(|| to.display().to_string())?;
    // A program that runs cannot be written over, but its name can be given to another one.
    let aside = to.with_extension("new");
    fs::copy(&program, &aside).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, &to).with_context(|| format!("cannot write {}", to.display()))?;
    for node in NODES {
        let to = to.with_file_name(node);
        fs::copy(root.join("crates/neuraxis/nodes").join(node), &to)
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(format!(
        "installed   {}\nnow         source {}/setup.sh && ros2 launch neuraxis sim.launch.xml",
        share.display(),
        prefix.display()
    ))
}

fn share(prefix: &Path) -> PathBuf {
    prefix.join("share").join(NAME)
}

/// For any POSIX shell; sourcing it twice changes nothing.
fn setup(prefix: &Path) -> String {
    let prefix = prefix.display().to_string().replace('\'', r"'\''");
    format!(
        "# Puts this prefix in front of AMENT_PREFIX_PATH: source it after that of ROS 2.\n\
         _neuraxis_prefix='{prefix}'\n\
         case \":${{AMENT_PREFIX_PATH:-}}:\" in\n\
         \x20   *\":$_neuraxis_prefix:\"*) ;;\n\
         \x20   *) export AMENT_PREFIX_PATH=\"$_neuraxis_prefix${{AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}}\" ;;\n\
         esac\n\
         unset _neuraxis_prefix\n"
    )
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.with_file_name("")).with_context(|| path.display().to_string())?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry.with_context(|| from.display().to_string())?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)
                .with_context(|| format!("cannot copy {} to {}", path.display(), target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_installed_package_are_named_by_it_and_others_by_their_place() {
        let share = Path::new("/opt/arm/share/neuraxis");
        assert_eq!(uri(share, &share.join("urdf")), "package://neuraxis/urdf");
        assert_eq!(uri(share, Path::new("/home/me/arms")), "file:///home/me/arms");
        assert_eq!(uri(Path::new("/src/neuraxis"), Path::new("/src/neuraxis/urdf")), "file:///src/neuraxis/urdf");
    }

    #[test]
    fn the_tree_is_what_ros_looks_for_and_the_setup_file_is_idempotent() {
        let root = clone().canonicalize().unwrap();
        let prefix = std::env::temp_dir().join(format!("neuraxis's install {}", std::process::id()));
        let said = install(&root, &prefix).unwrap();
        // Again, over itself, and a file that is no longer there is gone.
        fs::write(prefix.join("share/neuraxis/launch/old.launch.xml"), "").unwrap();
        install(&root, &prefix).unwrap();
        let prefix = prefix.canonicalize().unwrap();
        for file in [
            "lib/neuraxis/neuraxis",
            "lib/neuraxis/policy_node",
            "share/neuraxis/package.xml",
            "share/neuraxis/neuraxis",
            "share/neuraxis/launch/sim.launch.xml",
            "share/neuraxis/urdf/meshes/fr3/link0_coll.stl",
            "share/neuraxis/configs/fr3/robot.yaml",
            "share/neuraxis/sim/fr3.xml",
            "share/ament_index/resource_index/packages/neuraxis",
        ] {
            assert!(prefix.join(file).is_file(), "{file}");
        }
        assert!(!prefix.join("share/neuraxis/launch/old.launch.xml").exists());
        assert!(said.contains("setup.sh"), "{said}");
        let shell = ". \"$1/setup.sh\"; . \"$1/setup.sh\"; printf %s \"$AMENT_PREFIX_PATH\"";
        let path = |before: &str| {
            let mut sh = std::process::Command::new("sh");
            sh.args(["-euc", shell, "sh"]).arg(&prefix).env("AMENT_PREFIX_PATH", before);
            String::from_utf8(sh.output().unwrap().stdout).unwrap()
        };
        let own = prefix.display().to_string();
        assert_eq!((path(""), path("/opt/ros/jazzy")), (own.clone(), format!("{own}:/opt/ros/jazzy")));
        fs::remove_dir_all(&prefix).unwrap();
    }

    #[test]
    fn the_clone_is_not_installed_into_itself() {
        let root = clone().canonicalize().unwrap();
        let error = install(&root, &root).unwrap_err().to_string();
        assert!(error.contains("--prefix") && error.contains("the clone itself"), "{error}");
    }
}
