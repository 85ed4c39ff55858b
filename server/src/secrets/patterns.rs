//! What keys look like, and what the names of secrets look like, as tables.
//!
//! Every pattern stays within a line and begins with a literal, which is what makes the search fast. It must not know
//! what becomes of a match.

/// Keys of known services. Where there is a group, the group is the secret; else the whole match is. What the group
/// `basic` finds has to be a name and a password, as the word before it is an ordinary one.
pub(super) const FORMATS: &[&str] = &[
    // AWS access key ids.
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}\b",
    // GitHub, GitLab.
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bgithub_pat_[A-Za-z0-9_]{30,}",
    r"\bgl(?:pat|dt|rt|ptt|soat|cbt)-[A-Za-z0-9_-]{18,}",
    // Slack, tokens and web hooks.
    r"\bxox[abeoprs]-[A-Za-z0-9-]{16,}",
    r"\bxapp-[A-Za-z0-9-]{16,}",
    r"hooks\.slack\.com/services/(?<v1>[A-Za-z0-9/]{20,})",
    // Stripe.
    r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    // Google.
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bGOCSPX-[A-Za-z0-9_-]{20,}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    // Models: OpenAI, Anthropic, OpenRouter, Groq, Hugging Face, Replicate.
    r"\bsk-(?:ant-|proj-|svcacct-|or-v1-)[A-Za-z0-9_-]{20,}",
    r"\bsk-[A-Za-z0-9]{32,}",
    r"\bgsk_[A-Za-z0-9]{32,}",
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\br8_[A-Za-z0-9]{30,}",
    // Registries: npm, PyPI, crates.io is without a prefix that would be its own, RubyGems, Docker.
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\brubygems_[a-f0-9]{40,}",
    r"\bdckr_pat_[A-Za-z0-9_-]{20,}",
    // Mail and telephone: Twilio, SendGrid, Mailgun, Mailchimp's are plain hex and go by name.
    r"\b(?:SK|AC)[0-9a-f]{32}\b",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\bkey-[0-9a-f]{32}\b",
    // Clouds and services: DigitalOcean, Shopify, Linear, Databricks, Vault, Telegram goes by name.
    r"\bdo[opr]_v1_[a-f0-9]{40,}",
    r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}",
    r"\blin_api_[A-Za-z0-9]{32,}",
    r"\bdapi[a-f0-9]{32}\b",
    r"\bhvs\.[A-Za-z0-9_-]{24,}",
    r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}",
    // JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?",
    // A password in a URL. A host follows; what is a variable or a placeholder is told apart by its text.
    r"://[A-Za-z0-9._%+~$-]{0,64}:(?<v2>[!#-&(-.0-9;=?A-Z\[-_a-~]{3,128})@[A-Za-z0-9\[$%{]",
    // Azure's connection strings.
    r"(?:AccountKey|SharedAccessKey)=(?<v3>[A-Za-z0-9+/=]{40,128})",
    // HTTP headers.
    r"\b[Bb]earer +(?<v4>[A-Za-z0-9._~+/=-]{16,})",
    r"\b[Bb]asic +(?<basic>[A-Za-z0-9+/]{8,}={0,2})",
    // Passwords that tools take without a name for them: curl, sshpass, a netrc file.
    r#"\bcurl [ -~]{0,100}(?:-u|--user) *["']?[A-Za-z0-9._@-]{1,64}:(?<v5>[!#-&(-~]{3,128})"#,
    r#"\bsshpass -p *["']?(?<v7>[!#-&(-~]{4,128})"#,
    r"\blogin +[!-~]{1,64} +password +(?<v8>[!-~]{4,128})",
    // A private key on one line, with its line breaks escaped.
    r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?<v6>(?:\\+[rn]|[A-Za-z0-9+/= ]){16,})",
];

/// Words in names whose value is a password: what is written there may be short and readable.
pub(super) const PASSWORDS: &str = "passwords?|passwd|passphrase|passwort|pwd|identified by";

/// Words in names whose value is a key: what is written there looks random.
pub(super) const KEYS: &str = "secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|account[_-]?key\
    |encryption[_-]?key|signing[_-]?key|master[_-]?key|shared[_-]?key|ssh[_-]?key|session[_-]?key|storage[_-]?key\
    |license[_-]?key|service[_-]?key|app[_-]?key|credentials?";

/// Ends of names that speak about a secret instead of holding one.
pub(super) const ABOUT: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "type",
    "types",
    "url",
    "uri",
    "path",
    "file",
    "field",
    "length",
    "len",
    "size",
    "count",
    "expiry",
    "expires",
    "ttl",
    "regex",
    "pattern",
    "kind",
    "header",
    "param",
    "label",
    "placeholder",
    "hint",
    "index",
    "pos",
    "limit",
    "policy",
    "version",
    "arn",
    "env",
    "var",
    "ref",
    "class",
    "error",
    "message",
    "endpoint",
    "hash",
    "sha256",
    "digest",
    "checksum",
];

/// Words within values that are no secret.
pub(super) const PLACEHOLDERS: &str = "password|passwd|passphrase|secret|token|api[_-]?key|example|change[_-]?me|dummy\
    |sample|placeholder|redacted|your[_-]|xxxx|\\*\\*\\*\\*|\\.\\.\\.\\.|insert|replace|todo|fixme|undefined|localhost";

/// Values that are no secret, where they are nothing else.
pub(super) const WHOLE_PLACEHOLDERS: &str = "pass|pwd?|foo|bar|test";

/// What may stand between the name of a secret and its value: the rest of the name, a type, an operator, a call that
/// the value goes into, and the quote that opens it.
pub(super) const SEPARATOR: &str = concat!(
    r#"^(?-u)(?<tail>[A-Za-z0-9_-]{0,40})\\?["'`]?\]?(?<between>"#,
    r#"(?:[ \t]{0,8}:[ \t]{0,8}[&*'A-Za-z_][A-Za-z0-9_<>&*': \[\]?]{0,40}=|\[\d*\][ \t]{0,8}="#,
    r#"|[ \t]{0,40}(?<operator>:=|=>|[=!]==?|=|:|,|\(|>)|[ \t]{1,40})[ \t]{0,40})"#,
    r#"(?<call>&?[A-Za-z_][A-Za-z0-9_:.]{0,40}!?\()?(?:[A-Za-z$@]{0,2}\\?(?<quote>["'`]))?"#,
);

/// The pattern of a line that is nothing but base64, so many characters of it, in a literal or a comment or by itself.
pub(super) fn base64_line(length: &str) -> String {
    [
        r#"(?m-u)^[ \t#*]{0,40}(?:\+ |//+ )?["'`]{0,3}([A-Za-z0-9+/=]"#,
        length,
        r#")(?:\\[rn])*["'`,;+ \t.)\\]{0,20}\r?$"#,
    ]
    .concat()
}
