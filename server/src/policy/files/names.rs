//! Which names say what a file is: one that secrets are kept in, one of other people, one that a program wrote.
//!
//! Pure. Names are patterns of `.gitignore`; those of secrets match in any case, whatever a copy of the file is called
//! besides, and in the paths of any scheme.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use percent_encoding::percent_decode_str;

/// Files that may hold secrets: whole names and endings, so that sources about secrets are not meant. The last pattern
/// that matches decides.
const SECRET_FILES: &[&str] = &[
    // Keys.
    "id_{rsa,dsa,ecdsa,ecdsa_sk,ed25519,ed25519_sk}[_-]*",
    "*_{rsa,dsa,ecdsa,ed25519}",
    "!id_*.*",
    "id_{rsa,dsa,ecdsa,ecdsa_sk,ed25519,ed25519_sk}",
    "ssh_host_*_key",
    "{private,secret}[_-]key",
    // Keys, certificates with keys, and stores of them.
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs8",
    "*.pkcs12",
    "*.ppk",
    "*.pvk",
    "*.agekey",
    "*.jks",
    "*.bks",
    "*.keystore",
    "*.keytab",
    "*.keychain",
    "*.keychain-db",
    "*.kdb",
    "*.kdbx",
    "*.ovpn",
    "wg[0-9]*.conf",
    "{pubring,secring,trustdb}.{gpg,kbx}",
    "wallet.dat",
    // Variables of an environment, but not their published examples.
    ".env",
    ".env[._-]*",
    "*.env",
    "*.env.{local,dev,development,test,staging,prod,production}",
    "!*.{example,sample,template,tmpl,tpl,dist,defaults,schema}",
    "!{example,sample,template}.env",
    ".envrc",
    ".flaskenv",
    ".dev.vars",
    ".dev.vars.*",
    // What is called a secret.
    "{secret,secrets,credential,credentials}",
    ".{secret,secrets,credential,credentials,passwd,password}",
    "{secret,secrets,credential,credentials}.{yml,yaml,json,toml,ini,cfg,conf,config,properties,xml,env,csv,enc}",
    ".{secret,secrets,credential,credentials}.{yml,yaml,json,toml,ini,cfg,conf,config,properties,xml,env,csv,enc}",
    "secrets.*.{yml,yaml,json,toml}",
    "{password,passwords,passwd}",
    "{password,passwords,passwd}.{csv,json,yml,yaml,ini}",
    "*.{secret,secrets}",
    "{chap,pap}-secrets",
    "{apikey,api_key,api-key}",
    // What programs log in with.
    "{.netrc,_netrc,netrc}",
    ".authinfo",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    "pgpass.conf",
    ".pg_service.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".s3cfg",
    ".boto",
    ".databrickscfg",
    ".msmtprc",
    ".fetchmailrc",
    ".mbsyncrc",
    ".smbcredentials",
    ".dockercfg",
    "**/.docker/config.json",
    "**/containers/auth.json",
    "**/{.composer,composer}/auth.json",
    ".git-credentials",
    "**/.git/config",
    "{htpasswd,.htpasswd}",
    ".htdigest",
    "**/etc/{shadow,gshadow}",
    "**/.cargo/credentials",
    "**/.m2/settings.xml",
    "**/.m2/settings-security.xml",
    "**/.gradle/gradle.properties",
    "**/.gem/credentials",
    "**/.config/gh/hosts.yml",
    "**/.config/glab-cli/config.yml",
    "**/.huggingface/token",
    "**/huggingface/token",
    "{.terraformrc,terraform.rc,credentials.tfrc.json}",
    "rclone.conf",
    "kaggle.json",
    "wpa_supplicant.conf",
    "*.nmconnection",
    "credentials-config.json",
    "dataSources.local.xml",
    "**/.vscode/sftp.json",
    "sftp-config.json",
    "{.ftpconfig,.ftppass}",
    "{sitemanager,recentservers,filezilla}.xml",
    // What is deployed.
    "*.tfvars",
    "*.tfvars.json",
    "*.tfstate",
    "*.tfstate.*",
    "{kubeconfig,.kubeconfig}",
    "*.kubeconfig",
    "kubeconfig.{yml,yaml}",
    "kubeconfig-*",
    "vault.{yml,yaml}",
    "*.vault",
    ".vault-token",
    "{vault,.vault}[_-]{pass,password}",
    "client_secret*.json",
    "{service-account,service_account,serviceaccount}*.json",
    "*firebase-adminsdk*.json",
    "application_default_credentials.json",
    "local.settings.json",
    "*.publishsettings",
    "*.pubxml.user",
    "wp-config.php",
    "wp-config-*.php",
    "!wp-config-sample.php",
    "LocalSettings.php",
    // What was typed, and what browsers keep.
    ".*history",
    ".lesshst",
    ".viminfo",
    "fish_history",
    "ConsoleHost_history.txt",
    "logins.json",
    "key[34].db",
    "{cookies,signons}.sqlite",
    "cookies.txt",
    "Login Data",
];

/// Folders in which everything may hold secrets.
const SECRET_FOLDERS: &[&str] = &[
    ".env/",
    ".envs/",
    ".secrets/",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".azure/",
    ".kube/",
    ".oci/",
    ".chef/",
    ".putty/",
    ".password-store/",
    ".mozilla/",
    ".snowflake/",
    "**/.config/{gcloud,op,sops,google-chrome,chromium}/",
    "**/.local/share/keyrings/",
    "**/Library/Keychains/",
    "**/Firefox/Profiles/",
    "**/Chrome/User Data/",
    "**/Microsoft/UserSecrets/",
    "**/.microsoft/usersecrets/",
];

/// What a copy of a file is called besides: by editors, by people, by programs that keep the old one.
const COPIES: &[&str] = &[
    "~",
    ".bak",
    ".backup",
    ".bck",
    ".old",
    ".orig",
    ".original",
    ".save",
    ".saved",
    ".swp",
    ".swo",
    ".swn",
    ".tmp",
    ".temp",
    ".copy",
    ".prev",
    ".new",
    ".rej",
    ".txt",
    "_bak",
    "_backup",
    "_old",
    "-bak",
    "-backup",
    "-old",
    " copy",
    ".",
    " ",
];

/// Folders that hold other people's code by a strong convention.
const VENDORED: &[&str] = &[
    "node_modules/",
    "bower_components/",
    "third_party/",
    "third-party/",
    "vendor/",
    "Pods/",
    ".venv/",
    "venv/",
    "site-packages/",
    "dist-packages/",
    "**/.cargo/registry/",
    "**/go/pkg/mod/",
];

/// Files that programs write, by their names.
const GENERATED: &[&str] = &[
    "*.lock",
    "{package-lock,npm-shrinkwrap,packages.lock}.json",
    "pnpm-lock.yaml",
    "go.sum",
    "gradle.lockfile",
    "Package.resolved",
    "*.min.{js,mjs,cjs,css}",
    "*.bundle.{js,css}",
    "*.{js,mjs,cjs,css}.map",
    "*_pb2.py",
    "*_pb2.pyi",
    "*_pb2_grpc.py",
    "*.pb.go",
    "*.pb.gw.go",
    "*.pb.{cc,h}",
    "*.generated.*",
    "*.g.dart",
    "*.freezed.dart",
    "*.g.cs",
    "*.designer.cs",
    "__pycache__/",
];

/// The built-in rules.
#[derive(Debug)]
pub(super) struct Names {
    secret_files: Gitignore,
    secret_folders: Gitignore,
    vendored: Gitignore,
    generated: Gitignore,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            secret_files: compiled(SECRET_FILES, true),
            secret_folders: compiled(SECRET_FOLDERS, true),
            vendored: compiled(VENDORED, false),
            generated: compiled(GENERATED, false),
        }
    }

    /// Whether a file may hold secrets.
    pub(super) fn is_secret(&self, file: &Path) -> bool {
        let Some(name) = file.file_name() else { return false };
        let mut folders = file.ancestors().filter(|folder| folder.file_name().is_some());
        folders.any(|folder| self.secret_folders.matched(original_folder(folder), true).is_ignore())
            || originals(&name.to_string_lossy())
                .any(|name| self.secret_files.matched(file.with_file_name(name), false).is_ignore())
    }

    pub(super) fn is_vendored(&self, file: &Path) -> bool {
        covers(&self.vendored, file)
    }

    pub(super) fn is_generated(&self, file: &Path) -> bool {
        covers(&self.generated, file)
    }
}

/// Whether the rules ignore the file or a folder that it is in, which no rule for the file itself can undo.
pub(super) fn covers(rules: &Gitignore, file: &Path) -> bool {
    let mut entries = file.ancestors().filter(|entry| entry.file_name().is_some());
    entries.any(|entry| rules.matched(entry, entry != file).is_ignore())
}

/// The path in the name that a document has in an editor, whatever its scheme: `git:/a/.env?{…}` is `/a/.env`, and so is
/// the bare path. A name alone, such as that of a buffer that was never saved, is one at the root.
pub fn path_of_uri(uri: &str) -> PathBuf {
    let path = match uri.split_once(':') {
        // A scheme of one letter is a drive of Windows.
        Some((scheme, rest)) if scheme.len() > 1 && scheme.bytes().all(is_of_scheme) => {
            let path = decoded(rest.split(['?', '#']).next().unwrap_or_default());
            match path.strip_prefix("//") {
                // What comes first is the name of a machine.
                Some(place) => place.find('/').map_or(place, |at| &place[at..]).to_owned(),
                None => path,
            }
        }
        _ => uri.to_owned(),
    };
    Path::new("/").join(path.replace('\\', "/"))
}

fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// A text with its percent escapes read, also those that were escaped again.
fn decoded(text: &str) -> String {
    const MOST_TIMES: usize = 3;
    let decode = |text: &String| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut steps = std::iter::successors(Some(text.to_owned()), |text| Some(decode(text)));
    steps.nth(MOST_TIMES).unwrap_or_default()
}

/// A name, what it is a copy of, and the parts that other names are made of: `:0:.env` of a revision, `.env:stream`.
fn originals(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.split(':').filter(|part| !part.is_empty());
    std::iter::once(name)
        .chain(parts)
        .flat_map(|name| std::iter::successors(Some(name), |name| original(name)))
}

/// What a name is a copy of, if it says so.
fn original(name: &str) -> Option<&str> {
    let before = |end: &str| {
        let at = name
            .len()
            .checked_sub(end.len())
            .filter(|at| *at > 0 && name.is_char_boundary(*at))?;
        name[at..].eq_ignore_ascii_case(end).then(|| &name[..at])
    };
    if let Some((name, end)) = COPIES.iter().find_map(|end| Some((before(end)?, end))) {
        // Vim puts a dot before the name of what it edits.
        return Some(match end.starts_with(".sw") {
            true => name.strip_prefix('.').unwrap_or(name),
            false => name,
        });
    }
    if let Some(name) = name.strip_prefix(".#").or_else(|| name.strip_prefix('#')) {
        return Some(name.strip_suffix('#').unwrap_or(name)).filter(|name| !name.is_empty());
    }
    if let Some((name, _)) = name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")) {
        return Some(name);
    }
    // A number or a date.
    let (name, end) = name.rsplit_once(['.', '-'])?;
    let is_number = end.len() <= 14 && !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    (is_number && !name.is_empty()).then_some(name)
}

/// A folder by the name that it is a copy of.
fn original_folder(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let first = std::iter::successors(Some(&*name), |name| original(name)).last();
    folder.with_file_name(first.unwrap_or(&name))
}

/// A matcher of patterns that are known to be valid.
fn compiled(patterns: &[&str], any_case: bool) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    builder.case_insensitive(any_case).expect("it never fails");
    for pattern in patterns {
        builder.add_line(None, pattern).expect("built-in patterns are valid");
    }
    builder.build().expect("built-in patterns are few")
}
