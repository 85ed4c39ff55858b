//! Random repositories of every form, with random ignore files and settings in every place that git reads them from: what
//! is judged here is what `git check-ignore` says.

use std::ffi::OsString;
use std::process::Command;

use super::against_git::run;
use super::*;
use crate::eval::random::Random;

const REPOSITORIES: usize = 60;
const FILES: usize = 80;

/// Names of files and folders, of which some differ in case only.
const NAMES: &[&str] = &["a", "b", "A", "aB", "x.log", "X.LOG", "keep", "d", "e", "d e", "é"];

/// Parts of patterns.
const PARTS: &[&str] = &[
    "a", "b", "A", "ab", "*.log", "*.LOG", "x.*", "keep", "d", "e", "*", "**", "?", "[ab]", "[!a]", "a*", "*b", "d?e",
    "é", "[A-B]*",
];

/// A folder with one repository, what else git reads, and its environment.
struct World {
    folder: PathBuf,
    top: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

fn pick<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    from[random.below(from.len())]
}

fn rules(random: &mut Random) -> String {
    let mut rules = String::new();
    for _ in 0..random.below(4) {
        rules.push_str(if random.below(3) == 0 { "!" } else { "" });
        rules.push_str(if random.below(3) == 0 { "/" } else { "" });
        for part in 0..=random.below(3).saturating_sub(1) {
            rules.push_str(if part > 0 { "/" } else { "" });
            rules.push_str(pick(random, PARTS));
        }
        rules.push_str(if random.below(4) == 0 { "/\n" } else { "\n" });
    }
    rules
}

/// A section with settings about ignored files, or an empty text.
fn settings(random: &mut Random, folder: &Path, name: &str) -> String {
    let mut section = String::new();
    if random.below(2) == 0 {
        write(folder, &format!("home/rules of {name}"), &rules(random));
        let place = match random.below(5) {
            0 | 1 => format!("~/rules of {name}"),
            2 | 3 => folder.join(format!("home/rules of {name}")).display().to_string(),
            _ => String::new(),
        };
        section.push_str(&format!("\texcludesFile = \"{place}\"\n"));
    }
    if random.below(3) == 0 {
        let value = pick(
            random,
            &[
                "\tignoreCase = true\n",
                "\tignoreCase = no\n",
                "\tIGNORECASE\n",
                "\tignorecase = 1\n",
            ],
        );
        section.push_str(value);
    }
    match section.is_empty() {
        true => section,
        false => format!("[core]\n{section}"),
    }
}

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap_or_default();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, before + text).unwrap();
}

impl World {
    fn new(random: &mut Random, folder: &Path) -> Self {
        let mut world = Self {
            folder: folder.to_owned(),
            top: folder.join("top"),
            environment: vec![
                ("HOME", folder.join("home").into()),
                ("XDG_CONFIG_HOME", folder.join("xdg").into()),
                ("GIT_CONFIG_SYSTEM", folder.join("system").into()),
                ("GIT_DIR", "".into()),
            ],
        };
        write(folder, "home/a", "");
        let git = world.repository(random);
        // The places of settings, from the weakest to the strongest.
        append(&folder.join("system"), &settings(random, folder, "system"));
        append(&folder.join("xdg/git/config"), &settings(random, folder, "xdg"));
        append(&folder.join("home/.gitconfig"), &settings(random, folder, "home"));
        append(&git.join("config"), &settings(random, folder, "repository"));
        if random.below(2) == 0 {
            write(folder, "home/included", &settings(random, folder, "included"));
            append(&folder.join("home/.gitconfig"), "[include]\n\tpath = included\n");
        }
        if random.below(2) == 0 {
            let condition = match random.below(3) {
                0 => "gitdir:/elsewhere/".to_owned(),
                1 => format!("gitdir:{}/", folder.display()),
                _ => format!("gitdir/i:{}/**", folder.display().to_string().to_uppercase()),
            };
            write(folder, "conditional", &settings(random, folder, "conditional"));
            let include = format!(
                "[includeIf \"{condition}\"]\n\tpath = {}\n",
                folder.join("conditional").display()
            );
            append(&folder.join("home/.gitconfig"), &include);
        }
        match random.below(6) {
            0 => {
                write(folder, "global", &settings(random, folder, "global"));
                world
                    .environment
                    .push(("GIT_CONFIG_GLOBAL", folder.join("global").into()));
            }
            1 => world.environment.push(("GIT_CONFIG_NOSYSTEM", "1".into())),
            2 => world.environment.extend([
                ("GIT_CONFIG_COUNT", "1".into()),
                ("GIT_CONFIG_KEY_0", "core.ignoreCase".into()),
                ("GIT_CONFIG_VALUE_0", pick(random, &["true", "false"]).into()),
            ]),
            _ => {}
        }
        if random.below(2) == 0 {
            write(folder, "xdg/git/ignore", &rules(random));
        }
        fs::create_dir_all(git.join("info")).unwrap();
        fs::write(git.join("info/exclude"), rules(random)).unwrap();
        world
    }

    /// Makes a repository in one of its forms and gives the folder that all of its worktrees have in common.
    fn repository(&mut self, random: &mut Random) -> PathBuf {
        let folder = self.folder.clone();
        let quiet = |arguments: &[&str]| self.git(&folder, arguments, "");
        match random.below(6) {
            0 => {
                quiet(&["init", "-q", "--template=", "--separate-git-dir=apart", "top"]);
                folder.join("apart")
            }
            1 => {
                quiet(&["init", "-q", "--template=", "main"]);
                self.commit(&folder.join("main"));
                quiet(&["-C", "main", "worktree", "add", "-q", "../top"]);
                if random.below(2) == 0 {
                    quiet(&["-C", "main", "config", "extensions.worktreeConfig", "true"]);
                    let own = settings(random, &folder, "worktree");
                    append(&folder.join("main/.git/worktrees/top/config.worktree"), &own);
                }
                folder.join("main/.git")
            }
            2 => {
                quiet(&["init", "-q", "--template=", "first"]);
                self.commit(&folder.join("first"));
                quiet(&["clone", "-q", "--template=", "--bare", "first", "bare.git"]);
                quiet(&["-C", "bare.git", "worktree", "add", "-q", "../top"]);
                folder.join("bare.git")
            }
            3 => {
                // In another repository, whose rules do not hold in it.
                quiet(&["init", "-q", "--template=", "."]);
                write(&folder, ".gitignore", &rules(random));
                quiet(&["init", "-q", "--template=", "top"]);
                folder.join("top/.git")
            }
            4 => {
                quiet(&["init", "-q", "--template=", "--bare", "dots.git"]);
                fs::create_dir(&self.top).unwrap();
                self.environment.retain(|(name, _)| *name != "GIT_DIR");
                self.environment.push(("GIT_DIR", folder.join("dots.git").into()));
                self.environment.push(("GIT_WORK_TREE", self.top.clone().into()));
                folder.join("dots.git")
            }
            _ => {
                quiet(&["init", "-q", "--template=", "top"]);
                folder.join("top/.git")
            }
        }
    }

    fn commit(&self, repository: &Path) {
        let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
        self.git(
            repository,
            &[&who[..], &["commit", "-q", "--allow-empty", "-m", "a"]].concat(),
            "",
        );
    }

    fn git(&self, folder: &Path, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_COMMON_DIR",
            "GIT_CONFIG_GLOBAL",
        ] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().filter(|(_, value)| !value.is_empty()).cloned());
        run(command.args(arguments).current_dir(folder), input)
    }
}

#[test]
fn git_agrees_whatever_it_reads_its_settings_from() {
    let mut random = Random::new(0x91f7, "repositories");
    let (mut decisions, mut ignored_ones) = (0, 0);
    let mut differences = Vec::new();
    for number in 0..REPOSITORIES {
        let folder = tree(&[]);
        let world = World::new(&mut random, &folder.path().canonicalize().unwrap());
        for _ in 0..4 {
            let depth = random.below(3);
            let place: String = (0..depth).map(|_| format!("{}/", pick(&mut random, NAMES))).collect();
            fs::create_dir_all(world.top.join(&place)).unwrap();
            fs::write(world.top.join(place).join(".gitignore"), rules(&mut random)).unwrap();
        }
        let mut files: Vec<String> = Vec::new();
        while files.len() < FILES {
            let parts: Vec<&str> = (0..=random.below(4)).map(|_| pick(&mut random, NAMES)).collect();
            let file = parts.join("/");
            let path = world.top.join(&file);
            // A folder and a file cannot have one name.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
                fs::write(&path, "").unwrap();
                files.push(file);
            }
        }
        let listed = world.git(
            &world.top,
            &["check-ignore", "--no-index", "-z", "--stdin"],
            &files.join("\0"),
        );
        let ignored: Vec<&str> = listed.split_terminator('\0').collect();
        let mut policy = FilePolicy::default();
        policy
            .ignore_files
            .repositories
            .environment
            .clone_from(&world.environment);
        for file in &files {
            let found = match policy.allows(&world.top.join(file)) {
                Ok(()) => false,
                Err(Denied::GitIgnore | Denied::GitExclude | Denied::GitGlobal) => true,
                Err(other) => panic!("{file} is {}", other.as_str()),
            };
            decisions += 1;
            ignored_ones += usize::from(found);
            if found != ignored.contains(&file.as_str()) {
                differences.push(format!("repository {number}, {file:?}: here {found}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "git differs {} times:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(
        decisions >= 4800 && (500..decisions - 500).contains(&ignored_ones),
        "{ignored_ones} of {decisions}"
    );
}
