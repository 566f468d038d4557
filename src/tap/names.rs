//! Which names say that what they name is a credential: of header fields, of members of JSON and fields of
//! forms, of parameters in URLs.

/// Whether the whole value of the header field `name` is a credential.
pub(super) fn is_secret_field(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "cookie"
            | "set-cookie"
            | "chatgpt-account-id"
            | "x-codex-turn-state"
            | "x-codex-installation-id"
            | "x-oai-attestation"
            | "ocp-apim-subscription-key"
    ) || ["api-key", "-token", "-secret", "-authorization"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Whether the credential in the header field `name` stays the same over many requests.
pub(super) fn is_lasting(name: &str) -> bool {
    matches!(
        name,
        "authorization" | "api-key" | "x-api-key" | "chatgpt-account-id"
    )
}

/// Whether a query parameter called `name` carries a credential.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    is_secret_member(name)
        || matches!(lower.as_str(), "auth" | "code" | "key" | "sig")
        || [
            "token",
            "secret",
            "signature",
            "password",
            "api-key",
            "api_key",
        ]
        .iter()
        .any(|end| lower.ends_with(end))
}

/// Whether a JSON member called `name` carries a credential.
pub(super) fn is_secret_member(name: &str) -> bool {
    let may_be = |first: &u8| {
        let firsts = FIRSTS.get(name.len());
        firsts.is_some_and(|firsts| firsts & letter(*first) != 0)
    };
    // Nearly all names of a text are told by their length and first letter.
    name.as_bytes().first().is_some_and(may_be)
        && SECRET_MEMBERS
            .iter()
            .any(|secret| secret.eq_ignore_ascii_case(name))
}

/// The first letters of secret members of each length, as bits.
const FIRSTS: [u32; 32] = {
    let mut firsts = [0; 32];
    let mut at = 0;
    while at < SECRET_MEMBERS.len() {
        let name = SECRET_MEMBERS[at].as_bytes();
        firsts[name.len()] |= letter(name[0]);
        at += 1;
    }
    firsts
};

/// The bit of a letter, in either case.
const fn letter(byte: u8) -> u32 {
    1 << (byte & 31)
}

/// JSON members whose string value is masked, whatever the case of their letters.
const SECRET_MEMBERS: [&str; 37] = [
    "access_token",
    "accesstoken",
    "account_id",
    "api-key",
    "api_key",
    "apikey",
    "auth_token",
    "authorization",
    "aws_secret_access_key",
    "bearer_token",
    "chatgpt-account-id",
    "chatgpt_account_id",
    "client_assertion",
    "client_secret",
    "clientsecret",
    "code_verifier",
    "cookie",
    "device_code",
    "id_token",
    "idtoken",
    "installation_id",
    "OPENAI_API_KEY",
    "passphrase",
    "password",
    "private_key",
    "refresh_token",
    "refreshtoken",
    "secret",
    "secret_access_key",
    "secret_key",
    "session_token",
    "set-cookie",
    "token",
    "user_code",
    "x-codex-installation-id",
    "x-codex-turn-state",
    "x-api-key",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_secret_by_their_whole_names_in_any_case() {
        for name in SECRET_MEMBERS {
            assert!(is_secret_member(name), "{name}");
            assert!(is_secret_member(&name.to_ascii_uppercase()), "{name}");
            assert!(!is_secret_member(&format!("{name}s")), "{name}");
            assert!(!is_secret_member(&name[1..]) || SECRET_MEMBERS.contains(&&name[1..]));
        }
        for name in [
            "",
            "tokens",
            "max_tokens",
            "total_tokens",
            "tokenizer",
            "é",
            "secretary",
        ] {
            assert!(!is_secret_member(name), "{name}");
        }
    }
}
