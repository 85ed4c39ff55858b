mod against_git;
mod random_git;

use std::fs;

use tempfile::TempDir;

use super::*;

/// A folder with these files, and repositories where one of them is in a `.git`.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
        if let Some((repository, _)) = name.split_once(".git/") {
            for inner in ["objects/a", "refs/a", "HEAD"] {
                write(folder.path(), &format!("{repository}.git/{inner}"), "");
            }
        }
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    let written = fs::create_dir_all(path.parent().unwrap()).and_then(|()| fs::write(&path, text));
    written.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The policy of one workspace folder and no settings, git's own included.
fn policy(root: &Path) -> FilePolicy {
    gate_with(&[root], &root.join("no settings"))
}

/// The policy of some workspace folders for the settings of git in a file, beside which is `git/ignore`.
fn gate_with(roots: &[&Path], settings: &Path) -> FilePolicy {
    let mut policy = FilePolicy::new(&roots.iter().map(|root| root.to_path_buf()).collect::<Vec<_>>(), &[]).0;
    policy.ignore_files.repositories.environment = vec![
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("GIT_CONFIG_GLOBAL", settings.into()),
        ("XDG_CONFIG_HOME", settings.parent().unwrap().into()),
        ("GIT_DIR", "".into()),
    ];
    policy
}

#[test]
fn secrets_are_told_by_their_names() {
    let folder = tree(&[]);
    let policy = policy(folder.path());
    for name in [
        ".env",
        ".env.local",
        ".env.production",
        "config/.ENV",
        "docker/prod.env",
        ".envrc",
        "server.pem",
        "tls/SERVER.KEY",
        "AuthKey_AB12.p8",
        "a.p12",
        "a.pfx",
        "a.ppk",
        "release.jks",
        "debug.keystore",
        "http.keytab",
        "passwords.kdbx",
        "id_rsa",
        "deploy/id_ed25519",
        "id_ecdsa_sk",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".git-credentials",
        ".git/config",
        ".htpasswd",
        "a/.docker/config.json",
        "a/.cargo/credentials.toml",
        ".ssh/config",
        "home/.gnupg/trustdb.gpg",
        ".aws/credentials",
        ".aws/cli/cache/token.json",
        ".kube/config",
        ".ssh/.env.example",
        ".config/gcloud/access_tokens.db",
        "prod.tfvars",
        "prod.auto.tfvars.json",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "secrets.yml",
        "k8s/secrets.yaml",
        "k8s/secret.yaml",
        "secrets.prod.json",
        "secrets.toml",
        "credentials.json",
        "client_secret_12.apps.json",
        "service-account-prod.json",
        // What copies are called.
        ".env~",
        ".env.swp",
        ".id_rsa.swp",
        "#.env#",
        ".#.env",
        "id_rsa.bak",
        "id_rsa.2024-01-31",
        "ID_RSA.BAK.1",
        "id_rsa (1)",
        "id_rsa copy",
        "server.key.old",
        "server.pem.orig",
        "secrets.yml.save",
        "secrets.txt",
        ".env. ",
        ".env::$DATA",
        ".aws.old/config",
        // More of what programs keep.
        "credentials",
        ".secrets",
        "secrets.ini",
        "conf/credentials.properties",
        "passwords.txt",
        "kubeconfig",
        "kubeconfig.yaml",
        "prod.kubeconfig",
        "local.settings.json",
        "wp-config.php",
        "site/wp-config.php.bak",
        "LocalSettings.php",
        ".bash_history",
        ".zsh_history",
        ".psql_history",
        ".python_history",
        "vault.yml",
        ".vault_pass",
        ".vault-password",
        "id_rsa_work",
        "deploy_ed25519",
        "ssh_host_rsa_key",
        ".dev.vars",
        ".env-production",
        ".envs/.production/.django",
        "app.env.production",
        "wg0.conf",
        "home/.config/containers/auth.json",
        "home/.config/gh/hosts.yml",
        "Library/Keychains/login.txt",
        "home/.mozilla/firefox/x/prefs.js",
        "logins.json",
        "app-firebase-adminsdk-x1.json",
        "etc/shadow",
    ] {
        assert_eq!(policy.allows(&folder.path().join(name)), Err(Denied::Secret), "{name}");
        let outside = Path::new("/somewhere/else").join(name);
        assert_eq!(policy.allows(&outside), Err(Denied::Secret), "{name}");
    }
}

#[test]
fn names_that_resemble_those_of_secrets_are_open() {
    let folder = tree(&[]);
    let policy = policy(folder.path());
    for name in [
        ".env.example",
        ".env.sample",
        "app/.env.template",
        "secrets.rs",
        "secrets.py",
        "secret.go",
        "secrets/mod.rs",
        "credentials.ts",
        "env.rs",
        "environment.ts",
        "src/keys.rs",
        "key.rs",
        "pem.rs",
        "id_rsa.rs",
        "id_rsa.pub",
        "netrc.c",
        "npmrc.js",
        "keystore.java",
        "tfstate.go",
        "main.tf",
        "aws/config.rs",
        "ssh/config.rs",
        "kube/client.go",
        "docker/config.json",
        "package.json",
        "secretary.json",
        ".env.dist",
        ".env.local.example",
        "example.env",
        "terraform.tfvars.example",
        "environment.ts",
        "env.d.ts",
        "vite-env.d.ts",
        "credentials.py",
        "credentials/mod.rs",
        "src/secret/store.ts",
        "keys.ts",
        "key/a.ts",
        "keys.txt",
        "tokens.json",
        "token.py",
        "id_rsa_utils.py",
        "rsa.py",
        "wp-config-sample.php",
        "settings.json",
        "appsettings.json",
        "auth.json",
        "locales/en/auth.json",
        "kubeconfig.go",
        "history.py",
        "bash_history.md",
        "vault.go",
        "vault/config.yml",
        "passwords.go",
        "password.test.ts",
        "hosts.yml",
        "cookies.ts",
        "config/secrets.example.ts",
        "main.rs~",
        "main.rs.1",
    ] {
        assert_eq!(policy.allows(&folder.path().join(name)), Ok(()), "{name}");
    }
}

#[test]
fn the_path_of_any_scheme_is_judged() {
    let policy = policy(Path::new("/nowhere"));
    for (uri, path) in [
        ("file:///a/.env", "/a/.env"),
        ("file:///a/%2Eenv", "/a/.env"),
        ("file:///c%3A/Users/me/.aws/config", "/c:/Users/me/.aws/config"),
        (
            "vscode-remote://ssh-remote%2Bhost/home/me/.ssh/config",
            "/home/me/.ssh/config",
        ),
        (
            "vscode-vfs://github/owner/repository/.env.local",
            "/owner/repository/.env.local",
        ),
        ("untitled:/a/.env", "/a/.env"),
        ("untitled:.env", "/.env"),
        ("git:/a/.env?%7B%22path%22%3A%22/a/.env%22%7D", "/a/.env"),
        (
            "vscode-notebook-cell:/a/.aws/b.ipynb#W0sZmlsZQ%3D%3D",
            "/a/.aws/b.ipynb",
        ),
        ("zipfile:///a/b.zip::.env", "/a/b.zip::.env"),
        ("jar:file:///a/b.jar!/id_rsa", "/file:///a/b.jar!/id_rsa"),
        ("fugitive:///a/.git//0123abc/.env", "/a/.git//0123abc/.env"),
        ("gitsigns:///a/.git//:0:.env", "/a/.git//:0:.env"),
        ("oil:///a/.ssh/", "/a/.ssh/"),
        ("memfs:///%252Eenv", "/.env"),
        ("/a/id_rsa", "/a/id_rsa"),
        ("C:\\a\\.env", "/C:/a/.env"),
        ("a/.env", "/a/.env"),
    ] {
        assert_eq!(path_of_uri(uri), Path::new(path), "{uri}");
        assert_eq!(policy.hides(&path_of_uri(uri)), Some(Denied::Secret), "{uri}");
    }
    for uri in [
        "untitled:Untitled-1",
        "vscode-notebook-cell:/a/b.ipynb#W0",
        "git:/a/b.rs?.env",
        "output:a",
        "",
        ":",
        "%",
    ] {
        assert_eq!(policy.hides(&path_of_uri(uri)), None, "{uri}");
    }
}

#[test]
fn vendored_and_generated_files_are_told_by_their_names() {
    let folder = tree(&[("build/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55")]);
    let policy = policy(folder.path());
    for (name, expected) in [
        ("node_modules/a/index.js", Err(Denied::Vendored)),
        ("web/node_modules/a/index.js", Err(Denied::Vendored)),
        ("third_party/zlib/zlib.h", Err(Denied::Vendored)),
        ("vendor/a/a.go", Err(Denied::Vendored)),
        (".venv/lib/a.py", Err(Denied::Vendored)),
        ("venv/lib/a.py", Err(Denied::Vendored)),
        ("lib/python3.13/site-packages/a.py", Err(Denied::Vendored)),
        ("home/.cargo/registry/src/a/lib.rs", Err(Denied::Vendored)),
        ("Cargo.lock", Err(Denied::Generated)),
        ("web/yarn.lock", Err(Denied::Generated)),
        ("package-lock.json", Err(Denied::Generated)),
        ("pnpm-lock.yaml", Err(Denied::Generated)),
        ("go.sum", Err(Denied::Generated)),
        ("a.min.js", Err(Denied::Generated)),
        ("a.css.map", Err(Denied::Generated)),
        ("a_pb2.py", Err(Denied::Generated)),
        ("a.pb.go", Err(Denied::Generated)),
        ("a.generated.ts", Err(Denied::Generated)),
        ("build/debug/out.rs", Err(Denied::Generated)),
        ("src/vendor.rs", Ok(())),
        ("vendors/a.rs", Ok(())),
        ("src/vendor", Ok(())),
        ("src/venv.py", Ok(())),
        ("lock.rs", Ok(())),
        ("src/lock/mod.rs", Ok(())),
        ("a.js", Ok(())),
        ("min.js", Ok(())),
        ("generated.rs", Ok(())),
        ("pb.go", Ok(())),
        ("go.mod", Ok(())),
        ("build.rs", Ok(())),
    ] {
        assert_eq!(policy.allows(&folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn who_opens_a_folder_inside_of_a_vendored_one_works_on_it() {
    let folder = tree(&[]);
    let root = folder.path().join("node_modules/mine");
    assert_eq!(policy(&root).allows(&root.join("index.js")), Ok(()));
    assert_eq!(
        policy(&root).allows(&root.join("../other/index.js")),
        Err(Denied::Vendored)
    );
}

#[test]
fn a_secret_is_one_wherever_the_workspace_begins() {
    let folder = tree(&[]);
    let root = folder.path().join(".ssh/notes");
    assert_eq!(policy(&root).allows(&root.join("a.txt")), Err(Denied::Secret));
}

#[test]
fn no_rule_opens_a_secret() {
    let open = "!.env\n!*.pem\n!*\n!.ssh/\n!**\n!/secrets.yml\n";
    let files = [(".gitignore", open), (".ignore", open), (".codegemmaignore", open)];
    let folder = tree(&files);
    let exclude = open.lines().map(str::to_owned).collect::<Vec<_>>();
    let (policy, messages) = FilePolicy::new(&[folder.path().to_path_buf()], &exclude);
    assert_eq!(messages, [""; 0]);
    for name in [".env", "a/b.pem", ".ssh/known_hosts", "secrets.yml"] {
        assert_eq!(policy.allows(&folder.path().join(name)), Err(Denied::Secret), "{name}");
    }
    assert_eq!(policy.allows(&folder.path().join("a.rs")), Ok(()));
}

#[test]
fn each_ignore_file_is_named() {
    let folder = tree(&[
        (".git/info/exclude", "private\n"),
        (".gitignore", "/a.txt\n"),
        (".ignore", "/b.txt\n"),
        (".codegemmaignore", "/c.txt\n"),
    ]);
    let policy = policy(folder.path());
    for (name, expected) in [
        ("a.txt", Err(Denied::GitIgnore)),
        ("b.txt", Err(Denied::Ignore)),
        ("c.txt", Err(Denied::CodegemmaIgnore)),
        ("d/private/e.txt", Err(Denied::GitExclude)),
        ("d/a.txt", Ok(())),
    ] {
        assert_eq!(policy.allows(&folder.path().join(name)), expected, "{name}");
    }
    assert_eq!(Denied::CodegemmaIgnore.as_str(), "ignored by .codegemmaignore");
}

#[test]
fn the_users_rules_for_all_repositories_hold_in_each_and_are_the_weakest() {
    let folder = tree(&[
        ("rules", "*.log\n/top\n"),
        ("repo/.git/info/exclude", "!kept.log\n"),
        ("repo/inner/.git/HEAD", ""),
        ("none/a.txt", ""),
        ("settings", "[include]\n\tpath = more\n"),
        ("more", "[core]\n\texcludesFile = RULES\n"),
    ]);
    let rules = folder.path().join("rules").display().to_string();
    let more = fs::read_to_string(folder.path().join("more")).unwrap();
    write(folder.path(), "more", &more.replace("RULES", &rules));
    let gate_of = |root: &str| gate_with(&[&folder.path().join(root)], &folder.path().join("settings"));
    let (repository, inner) = (gate_of("repo"), gate_of("repo/inner"));
    for (policy, name, expected) in [
        (&repository, "repo/d/a.log", Err(Denied::GitGlobal)),
        (&repository, "repo/d/kept.log", Ok(())),
        (&repository, "repo/top", Err(Denied::GitGlobal)),
        (&repository, "repo/d/top", Ok(())),
        (&inner, "repo/inner/top", Err(Denied::GitGlobal)),
        // There is no repository.
        (&gate_of("none"), "none/a.log", Ok(())),
    ] {
        assert_eq!(policy.allows(&folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn the_models_own_ignore_file_wins_over_the_others() {
    let folder = tree(&[
        (".gitignore", "*.log\n/out/\n"),
        (".codegemmaignore", "!*.log\n!/out/\n/private/\n"),
        ("private/.gitignore", "!*\n"),
        (".ignore", "!private/\nb.log\n"),
    ]);
    let policy = policy(folder.path());
    let allows = |name: &str| policy.allows(&folder.path().join(name));
    assert_eq!(allows("a.log"), Ok(()));
    assert_eq!(allows("b.log"), Ok(()));
    assert_eq!(allows("out/a.txt"), Ok(()));
    assert_eq!(allows("private/a.txt"), Err(Denied::CodegemmaIgnore));
}

#[test]
fn the_repository_of_a_file_decides_wherever_the_workspace_is() {
    let folder = tree(&[
        (".gitignore", "*.above\n"),
        ("repo/.git/HEAD", ""),
        ("repo/.gitignore", "*.log\n"),
        ("repo/app/nested/.git/HEAD", ""),
        ("repo/app/nested/.gitignore", "*.tmp\n"),
    ]);
    let app = folder.path().join("repo/app");
    let policy = policy(&app);
    assert_eq!(policy.allows(&app.join("a.log")), Err(Denied::GitIgnore));
    assert_eq!(policy.allows(&app.join("a.above")), Ok(()));
    assert_eq!(policy.allows(&app.join("nested/a.tmp")), Err(Denied::GitIgnore));
    // As git has it, a repository in another one obeys its own rules.
    assert_eq!(policy.allows(&app.join("nested/a.log")), Ok(()));
    assert_eq!(policy.allows(&folder.path().join("repo/a.log")), Err(Denied::GitIgnore));
    // There is neither a repository nor a workspace.
    assert_eq!(policy.allows(&folder.path().join("b.above")), Ok(()));
}

#[test]
fn the_models_own_ignore_file_holds_for_all_below_it() {
    let folder = tree(&[
        (".codegemmaignore", "/repo/a.txt\n*.mine\n"),
        ("repo/.git/HEAD", ""),
        ("repo/.gitignore", "out/\n"),
        ("repo/out/.codegemmaignore", "key.txt\n"),
        ("repo/vendor/.codegemmaignore", "key.txt\n"),
        ("other/.ignore", "b.txt\n"),
    ]);
    for policy in [
        policy(&folder.path().join("repo")),
        policy(&folder.path().join("elsewhere")),
    ] {
        for (name, expected, hidden) in [
            ("repo/a.txt", Err(Denied::CodegemmaIgnore), true),
            ("other/c.mine", Err(Denied::CodegemmaIgnore), true),
            ("other/b.txt", Err(Denied::Ignore), false),
            ("repo/out/b.txt", Err(Denied::GitIgnore), false),
            // What else leaves the file out does not make it less private.
            ("repo/out/key.txt", Err(Denied::CodegemmaIgnore), true),
            ("repo/vendor/key.txt", Err(Denied::CodegemmaIgnore), true),
        ] {
            let path = folder.path().join(name);
            assert_eq!(policy.allows(&path), expected, "{name}");
            assert_eq!(policy.hides(&path).is_some(), hidden, "{name}");
        }
    }
}

#[test]
fn the_outer_one_of_nested_workspace_folders_holds() {
    let folder = tree(&[(".ignore", "/inner/a.txt\n"), ("inner/.ignore", "b.txt\n")]);
    let inner = folder.path().join("inner");
    let (policy, _) = FilePolicy::new(&[inner.clone(), folder.path().to_path_buf()], &[]);
    assert_eq!(policy.allows(&inner.join("a.txt")), Err(Denied::Ignore));
    assert_eq!(policy.allows(&inner.join("b.txt")), Err(Denied::Ignore));
    assert_eq!(policy.allows(&inner.join("c.txt")), Ok(()));
}

#[test]
fn settings_exclude_and_a_pattern_that_is_not_valid_is_named() {
    let folder = tree(&[]);
    let exclude = ["*.sql", "/docs/", "![", "a[b", "*.{x,y}", "!keep.sql"].map(str::to_owned);
    let (policy, messages) = FilePolicy::new(&[folder.path().to_path_buf()], &exclude);
    let allows = |name: &str| policy.allows(&folder.path().join(name));
    assert_eq!(allows("db/a.sql"), Err(Denied::Excluded));
    assert_eq!(allows("docs/a.txt"), Err(Denied::Excluded));
    assert_eq!(allows("db/docs/a.txt"), Ok(()));
    assert_eq!(allows("a.y"), Err(Denied::Excluded));
    assert_eq!(allows("keep.sql"), Ok(()));
    assert_eq!(policy.allows(Path::new("/somewhere/else/a.sql")), Err(Denied::Excluded));
    assert_eq!(policy.allows(Path::new("/somewhere/docs/a.txt")), Ok(()));
    assert_eq!(messages.len(), 2, "{messages:?}");
    for (message, pattern) in messages.iter().zip(["\"![\"", "\"a[b\""]) {
        assert!(
            message.starts_with("exclude: ") && message.contains(pattern),
            "{message}"
        );
    }
}

#[test]
fn a_change_of_an_ignore_file_is_seen() {
    let folder = tree(&[(".gitignore", "a.txt\n")]);
    let policy = policy(folder.path());
    let file = folder.path().join(".gitignore");
    let allows = |name: &str| policy.allows(&folder.path().join(name));
    assert_eq!([allows("a.txt"), allows("b.txt")], [Err(Denied::GitIgnore), Ok(())]);
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "b.txt\n").unwrap();
    let changed = fs::File::options().write(true).open(&file).unwrap();
    changed
        .set_modified(before + std::time::Duration::from_secs(1))
        .unwrap();
    assert_eq!([allows("a.txt"), allows("b.txt")], [Ok(()), Err(Denied::GitIgnore)]);
    fs::remove_file(&file).unwrap();
    assert_eq!([allows("a.txt"), allows("b.txt")], [Ok(()), Ok(())]);
    assert_eq!(allows("c/a.txt"), Ok(()));
    assert!(!policy.is_stale());
    write(folder.path(), "c/.gitignore", "a.txt\n");
    assert!(policy.is_stale());
    assert_eq!([allows("a.txt"), allows("c/a.txt")], [Ok(()), Err(Denied::GitIgnore)]);
    assert!(!policy.is_stale());
    fs::remove_file(folder.path().join("c/.gitignore")).unwrap();
    assert!(policy.is_stale());
}

#[test]
fn what_is_called_an_ignore_file_and_is_none_says_nothing() {
    let folder = tree(&[
        (".gitignore/a.txt", "a.txt\n"),
        (".git", "not what git writes"),
        ("a.txt/b", ""),
    ]);
    let policy = policy(folder.path());
    assert_eq!(policy.allows(&folder.path().join("a.txt")), Ok(()));
    assert_eq!(policy.allows(&folder.path().join(".gitignore/a.txt")), Ok(()));
    assert_eq!(policy.allows(&folder.path().join("a.txt/b/c/d.txt")), Ok(()));
    assert_eq!(policy.allows(folder.path()), Ok(()));
    for path in ["", "/", "..", "../../../../../../../../..", "a.txt"] {
        assert_eq!(policy.allows(Path::new(path)), Ok(()), "{path}");
    }
}

#[test]
fn an_ignore_file_that_is_too_long_to_read_shuts_its_folder() {
    let folder = tree(&[("a/.gitignore", &"#\n".repeat(600_000)), ("a/b.txt", ""), ("c.txt", "")]);
    let policy = policy(folder.path());
    assert_eq!(
        policy.allows(&folder.path().join("a/b.txt")),
        Err(Denied::UnreadableRules)
    );
    assert_eq!(policy.allows(&folder.path().join("c.txt")), Ok(()));
}

#[test]
fn a_path_with_dots_is_judged_by_where_it_leads() {
    let folder = tree(&[(".gitignore", "/a/\n"), ("a/b.txt", ""), ("c/d.txt", "")]);
    let policy = policy(folder.path());
    let allows = |name: &str| policy.allows(&folder.path().join(name));
    assert_eq!(allows("c/../a/b.txt"), Err(Denied::GitIgnore));
    assert_eq!(allows("a/../c/d.txt"), Ok(()));
    assert_eq!(allows("./c/./d.txt"), Ok(()));
    assert_eq!(allows("missing/../a/b.txt"), Err(Denied::GitIgnore));
    assert_eq!(allows("c/../../../.ssh/config"), Err(Denied::Secret));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_passes_by_its_name_and_by_where_it_leads() {
        let outside = tree(&[(".ssh/config", ""), ("plain.txt", "")]);
        let folder = tree(&[(".gitignore", "/a/\n"), ("a/b.txt", ""), ("c/d.txt", "")]);
        let root = folder.path();
        symlink(outside.path().join(".ssh/config"), root.join("notes.txt")).unwrap();
        symlink(outside.path().join("plain.txt"), root.join("plain.txt")).unwrap();
        symlink(outside.path().join("plain.txt"), root.join(".env")).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        symlink("a", root.join("open")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let policy = policy(root);
        for (name, expected) in [
            ("notes.txt", Err(Denied::Secret)),
            ("plain.txt", Ok(())),
            (".env", Err(Denied::Secret)),
            ("out/plain.txt", Ok(())),
            ("out/.ssh/config", Err(Denied::Secret)),
            ("open/b.txt", Err(Denied::GitIgnore)),
            ("open/never-saved.txt", Err(Denied::GitIgnore)),
            ("open/../c/d.txt", Ok(())),
            ("loop", Ok(())),
            ("loop/a.txt", Err(Denied::UnreadableRules)),
            ("dangling", Ok(())),
        ] {
            assert_eq!(policy.allows(&root.join(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_workspace_folder_that_is_a_link_is_the_folder_it_leads_to() {
        let folder = tree(&[("real/.gitignore", "/a.txt\n"), ("real/a.txt", "")]);
        let link = folder.path().join("link");
        symlink("real", &link).unwrap();
        let policy = policy(&link);
        for name in ["link/a.txt", "real/a.txt"] {
            assert_eq!(
                policy.allows(&folder.path().join(name)),
                Err(Denied::GitIgnore),
                "{name}"
            );
        }
    }

    #[test]
    fn an_ignore_file_that_cannot_be_read_shuts_its_folder() {
        let folder = tree(&[("a/b.txt", ""), ("c.txt", "")]);
        // Permissions would not stop the administrator, a link to itself stops everyone.
        symlink(".ignore", folder.path().join("a/.ignore")).unwrap();
        let policy = policy(folder.path());
        assert_eq!(
            policy.allows(&folder.path().join("a/b.txt")),
            Err(Denied::UnreadableRules)
        );
        assert_eq!(policy.allows(&folder.path().join("c.txt")), Ok(()));
    }

    #[test]
    fn names_that_are_not_unicode_are_judged_by_what_they_end_in() {
        let folder = tree(&[]);
        fs::write(folder.path().join(".gitignore"), b"caf\xe9\n*.log\n").unwrap();
        let policy = policy(folder.path());
        let allows = |name: &[u8]| policy.allows(&folder.path().join(OsStr::from_bytes(name)));
        assert_eq!(allows(b"caf\xe9/a.txt"), Ok(()));
        assert_eq!(allows(b"caf\xe9.log"), Err(Denied::GitIgnore));
        assert_eq!(allows(b"caf\xe9.pem"), Err(Denied::Secret));
    }
}

#[test]
fn texts_are_told_by_what_they_say() {
    let check = |text: &str, expected| assert_eq!(admits_text(text), expected, "{:?}", &text[..text.len().min(60)]);
    check("", Ok(()));
    check("fn main() {}\n", Ok(()));
    check("a\0b", Err(Denied::NotText));
    check(&"a line\n".repeat(MAX_BYTES / 7), Ok(()));
    check(&"a line\n".repeat(MAX_BYTES / 7 + 1), Err(Denied::TooLarge));
    check(
        "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n",
        Err(Denied::Generated),
    );
    check("/* Licence */\n\n# @generated\nx = 1\n", Err(Denied::Generated));
    check("//\r\n// <auto-generated>\r\n", Err(Denied::Generated));
    check(
        &format!("{}# @generated\n", "#\n".repeat(HEADER_LINES - 1)),
        Err(Denied::Generated),
    );
    check(&format!("{}# @generated\n", "#\n".repeat(HEADER_LINES)), Ok(()));
    check("HEADER = \"# DO NOT EDIT\"\n", Ok(()));
    check("// Looks for `@generated`.\n", Ok(()));
    check("// Please do not edit here.\n", Ok(()));
    check(&format!("/* a */\n{}\n", "a=1;".repeat(1000)), Err(Denied::Generated));
    check(
        &format!("x = \"{}\"\n{}", "ab".repeat(2000), "y = 1\n".repeat(1000)),
        Ok(()),
    );
    check(&"a b ".repeat(400), Ok(()));
}
