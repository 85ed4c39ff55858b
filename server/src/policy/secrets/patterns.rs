//! What keys look like, and what the names of secrets look like, as tables.
//!
//! Every pattern stays within a line and begins with a literal, which is what makes the search fast. It must not know
//! what becomes of a match.

/// Forms that the public rules lack, ask the service's name for, or know more narrowly than the services document, in
/// the syntax of `formats.txt`.
pub(super) const OWN_FORMS: &[&str] = &[
    // AWS: ids of roles and users, and tokens of sessions (docs.aws.amazon.com/IAM, "IAM identifiers").
    r"AROA[A-Z2-7]{16,}",
    r"AIDA[A-Z2-7]{16,}",
    r"IQoJb3JpZ2lu[A-Za-z0-9+/=]{40,}",
    // GitHub, GitLab (docs.gitlab.com/security/tokens).
    r"ghp_[A-Za-z0-9]{30,}",
    r"gho_[A-Za-z0-9]{30,}",
    r"ghu_[A-Za-z0-9]{30,}",
    r"ghs_[A-Za-z0-9]{30,}",
    r"ghr_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{30,}",
    r"glptt-[A-Za-z0-9_-]{20,}",
    r"glsoat-[A-Za-z0-9_-]{18,}",
    r"glcbt-[A-Za-z0-9_-]{18,}",
    // Slack (api.slack.com/authentication/token-types).
    r"xoxa-[A-Za-z0-9-]{16,}",
    r"xoxb-[A-Za-z0-9-]{16,}",
    r"xoxc-[A-Za-z0-9-]{16,}",
    r"xoxd-[A-Za-z0-9%+/-]{16,}",
    r"xoxe-[A-Za-z0-9-]{16,}",
    r"xoxo-[A-Za-z0-9-]{16,}",
    r"xoxp-[A-Za-z0-9-]{16,}",
    r"xoxr-[A-Za-z0-9-]{16,}",
    r"xoxs-[A-Za-z0-9-]{16,}",
    r"xapp-[A-Za-z0-9-]{16,}",
    // Stripe's and others' secrets of web hooks (docs.stripe.com/webhooks, standardwebhooks.com).
    r"whsec_[A-Za-z0-9+/=]{24,}",
    // Google: secrets of clients, access and refresh tokens (developers.google.com/identity/protocols/oauth2).
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"1//0[A-Za-z0-9_-]{40,}",
    // Models: OpenAI, Anthropic, OpenRouter, Groq, Hugging Face, Replicate, Perplexity, xAI, Fireworks.
    r"sk-[A-Za-z0-9]{32,}",
    r"sk-ant-[A-Za-z0-9_-]{20,}",
    r"sk-proj-[A-Za-z0-9_-]{20,}",
    r"sk-svcacct-[A-Za-z0-9_-]{20,}",
    r"sk-or-v1-[A-Za-z0-9_-]{20,}",
    r"gsk_[A-Za-z0-9]{32,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"r8_[A-Za-z0-9]{30,}",
    r"pplx-[A-Za-z0-9]{32,}",
    r"fw_[A-Za-z0-9]{22,}",
    // Registries: npm, PyPI, RubyGems, Docker, NuGet.
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    r"rubygems_[a-f0-9]{40,}",
    r"dckr_pat_[A-Za-z0-9_-]{20,}",
    // Twilio (twilio.com/docs/glossary/what-is-a-sid), SendGrid, Mailgun.
    r"SK[0-9a-f]{32,}",
    r"AC[0-9a-f]{32,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    // DigitalOcean, Linear, Vault, age, Grafana, Figma, Tailscale, Square, Netlify, Fly.io, Pulumi, Vercel.
    r"lin_api_[A-Za-z0-9]{32,}",
    r"lin_oauth_[A-Za-z0-9]{32,}",
    r"hvs\.[A-Za-z0-9_-]{24,}",
    r"hvr\.[A-Za-z0-9_-]{24,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    r"glsa_[A-Za-z0-9_]{32,}",
    r"figo_[A-Za-z0-9_-]{38,}",
    r"tskey-[a-z]{2,10}-[A-Za-z0-9-]{20,}",
    r"sq0csp-[A-Za-z0-9_-]{22,}",
    r"nfp_[A-Za-z0-9]{36,}",
    r"nfc_[A-Za-z0-9]{36,}",
    r"fo1_[A-Za-z0-9_-]{40,}",
    r"fm2_[A-Za-z0-9+/=]{40,}",
    r"xai-[A-Za-z0-9_-]{40,}",
    r"ATATT3[A-Za-z0-9_=-]{40,}",
    r"ATCTT3[A-Za-z0-9_=-]{40,}",
    r"ATBB[A-Za-z0-9]{32,}",
    r"PMAK-[A-Fa-f0-9-]{40,}",
    r"NRAK-[A-Z0-9]{27,}",
    r"NRIQ-[A-Za-z0-9_-]{32,}",
    r"sntrys_[A-Za-z0-9_+/=-]{40,}",
    r"pscale_tkn_[A-Za-z0-9_.-]{32,}",
    r"shppa_[a-fA-F0-9]{32,}",
    r"shpua_[a-fA-F0-9]{32,}",
    r"shptka_[a-fA-F0-9]{32,}",
    r"EAACEdEose0cBA[A-Za-z0-9]{20,}",
    r"sl\.[A-Za-z0-9_=-]{100,}",
    r"LTAI[A-Za-z0-9]{16,}",
    r"AKLT[A-Za-z0-9+/=_-]{20,}",
    r"AKID[A-Za-z0-9]{32,}",
    // Azure's secrets of clients and signatures of shared access (learn.microsoft.com, "Secret scanning patterns").
    r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}",
    r"AzCa[A-Za-z0-9+/]{30,}",
    // Telegram's bots: an id, a colon, and 35 characters (core.telegram.org/bots/api).
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33,}",
    // Discord's bots: their id in base64, which is of digits, a time and a signature (discord.com/developers/docs).
    r"MT[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"Mj[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"Mz[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"ND[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"NT[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"Nj[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"Nz[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"OD[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"OT[AEIMQUYcgk][A-Za-z0-9_-]{20,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    // JSON web tokens (RFC 7519): two objects in base64, and a signature.
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{0,}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}",
    // Private keys as base64 of their PEM form, and of the OpenSSH form within it.
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]{20,}",
    r"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/=_-]{20,}",
];

/// Values that are known by what stands around them. The group is the secret. What the group `basic` finds has to be a
/// name and a password, as the word before it is an ordinary one, and what a group with `random` in its name finds has
/// to look as if a machine had made it up. What a group `key` finds is one whatever it looks like.
pub(super) const CONTEXTS: &[&str] = &[
    // Slack's, Teams' and Discord's web hooks.
    r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<v1>[A-Za-z0-9/+]{20,})",
    r"webhook\.office\.com/webhookb2/(?<v9>[A-Za-z0-9@/-]{40,})",
    r"discord(?:app)?\.com/api/webhooks/[0-9]{5,25}/(?<v10>[A-Za-z0-9_-]{40,})",
    r"api\.telegram\.org/bot(?<v11>[0-9]{5,12}:[A-Za-z0-9_-]{30,})",
    // A password in a URL. A host follows; what is a variable or a placeholder is told apart by its text.
    r"://[A-Za-z0-9._%+~$-]{0,64}:(?<v2>[!#-&(-.0-9;=?A-Z\[-_a-~]{3,128})@[A-Za-z0-9\[$%{]",
    // Azure's connection strings, and signatures of shared access.
    r"(?:AccountKey|SharedAccessKey)=(?<v3>[A-Za-z0-9+/=]{40,128})",
    r"[?&;]sig=(?<random1>[A-Za-z0-9%+/=_-]{20,})",
    // HTTP headers.
    r"\b[Bb]earer +(?<v4>[A-Za-z0-9._~+/=-]{16,})",
    r"\b[Bb]asic +(?<basic>[A-Za-z0-9+/]{8,}={0,2})",
    r#"[Aa]uthorization["'`]{0,2}[\]) ]{0,2} {0,4}[:=,] {0,4}["'`]?(?:[A-Za-z0-9-]{2,20}[ =]["']?)?(?<random2>[A-Za-z0-9._~+/=:-]{16,})"#,
    // Passwords that tools take without a name for them: curl, sshpass, a netrc file, docker, mysql, redis, PowerShell.
    r#"\bcurl [ -~]{0,100}(?:-u|--user) *["']?[A-Za-z0-9._@-]{1,64}:(?<v5>[!#-&(-~]{3,128})"#,
    r#"\bsshpass -p *["']?(?<v7>[!#-&(-~]{4,128})"#,
    r"\blogin +[!-~]{1,64} +password +(?<v8>[!-~]{4,128})",
    r#"\bdocker login [ -~]{0,100}-p *["']?(?<v12>[!#-&(-~]{4,128})"#,
    r#"\bmysql[a-z]{0,8} [ -~]{0,100} -p(?<v13>[!#-&(-,.-~][!#-&(-~]{3,128})"#,
    r#"\bredis-cli [ -~]{0,100}-a *["']?(?<v14>[!#-&(-~]{4,128})"#,
    r#"\bConvertTo-SecureString +(?:-String +)?["'](?<v15>[!#-&(-~]{4,128})["']"#,
    r#"\bPSCredential[ -~]{0,40}["'](?<random3>[!#-&(-~]{8,128})["']"#,
    // The sum over a private key in PuTTY's form.
    r"Private-MAC: (?<v16>[0-9a-f]{40,})",
    // A private key on one line, with its line breaks escaped in one way or another.
    r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?<key>(?:\\+[rn]|&#(?:10|13|x0?[aAdD]);|%0[aAdD]|<br ?/?>|[A-Za-z0-9+/= ]){16,})",
];

/// Words in names whose value is a password: what is written there may be short and readable.
pub(super) const PASSWORDS: &str = "passwords?|passwd|passphrase|passwort|passcode|pwd|identified by\
    |(?:db|my|user|root|admin|smtp|ftp|mail|sql|key|store)pass";

/// Such words that are parts of others: they have to stand for themselves within a name.
pub(super) const SHORT_PASSWORDS: &str = "pass|pw|psk";

/// Words in names whose value is a key: what is written there looks random.
pub(super) const KEYS: &str = "secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|auth[_.-]?key\
    |account[_.-]?key|encryption[_.-]?key|signing[_.-]?key|master[_.-]?key|shared[_.-]?key|ssh[_.-]?key\
    |session[_.-]?key|storage[_.-]?key|license[_.-]?key|service[_.-]?key|app[_.-]?key|admin[_.-]?key|hmac[_.-]?key\
    |aes[_.-]?key|rsa[_.-]?key|tls[_.-]?key|ssl[_.-]?key|server[_.-]?key|client[_.-]?key|cookie[_.-]?key|crypto[_.-]?key\
    |cipher[_.-]?key|webhook[_.-]?key|deploy[_.-]?key|host[_.-]?key|credentials?|authorization";

/// Such words that have to stand for themselves.
pub(super) const SHORT_KEYS: &str = "jwt|hmac|sid|pat|creds?|_auth";

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
    "alg",
    "algorithm",
    "issuer",
    "audience",
    "prefix",
    "suffix",
    "format",
    "mgr",
    "manager",
    "handler",
    "reset",
    "form",
    "input",
    "validator",
    "hasher",
    "generator",
    "factory",
];

/// Words within values that are no secret.
pub(super) const PLACEHOLDERS: &str = "password|passwd|passphrase|secret|token|api[_-]?key|example|change[_-]?me|dummy\
    |sample|placeholder|redacted|your[_-]|xxxx|\\*\\*\\*\\*|\\.\\.\\.\\.|insert|replace|todo|fixme|undefined|localhost";

/// Values that are no secret, where they are nothing else.
pub(super) const WHOLE_PLACEHOLDERS: &str = "pass|pwd?|foo|bar|test|base64|utf-?8|latin1|ascii\
    |iso-8859-1|md5|sha-?[0-9]{1,3}|0x[0-9a-f]*|none|null|true|false";

/// What may stand between the name of a secret and its value: the rest of the name, a type, an operator, a call that
/// the value goes into, and the quote that opens it.
pub(super) const SEPARATOR: &str = concat!(
    r#"^(?-u)(?<tail>[A-Za-z0-9_-]{0,40})\\?["'`]?\]?(?<between>"#,
    r#"(?:[ \t]{0,8}:[ \t]{0,8}[&*'A-Za-z_][A-Za-z0-9_<>&*': \[\]?]{0,40}=|\[\d*\][ \t]{0,8}="#,
    r#"|[ \t]{0,40}(?<operator>::=|:=|\?=|\+=|=>|<-|[=!]==?|=|:|,|\(|>)|[ \t]{1,40})[ \t]{0,40})"#,
    r#"(?<call>&?[A-Za-z_][A-Za-z0-9_:.]{0,40}!?\()?(?:[A-Za-z$@]{0,2}\\?(?<quote>"""|'''|["'`]))?"#,
);

/// What stands before the name of a secret where that is itself a value, and the secret the one beside it.
pub(super) const NAMED: &str = concat!(
    r#"(?i)(?:(?:^|[^a-z])(?:name|key|property|parameter|param|variable|field|header|id)["']?[ \t]{0,8}"#,
    r#"(?:=>|[:=>,])[ \t]{0,8}["'`]?|(?-u:\b)variable[ \t]{1,4}")$"#,
);

/// The name of the value beside such a name, and what stands between them.
pub(super) const VALUE: &str = concat!(
    r#"(?i)(?:(?:^|[^a-z])(?:value|default|val|content|string)["']?[ \t]{0,8}(?:=>|[:=])[ \t]{0,8}"#,
    r#"(?<quote>["'`])?|</key>\s{0,40}<string>)"#,
);
