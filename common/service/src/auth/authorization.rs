//! The Authorization header: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use crate::error::OpError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    pub access_key: String,
    /// `YYYYMMDD`
    pub date: String,
    pub region: String,
    pub service: String,
    /// Names in lower case, in the order in which they were signed.
    pub signed_headers: Vec<String>,
    pub signature: String,
}

impl Authorization {
    /// Reads the header's value.
    ///
    /// # Errors
    /// `IncompleteSignature`, which names every parameter that is missing; `InvalidSignature` for a scope of
    /// another kind.
    pub fn parse(value: &str) -> Result<Self, OpError> {
        let (algorithm, parameters) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if algorithm != ALGORITHM {
            let message = "Authorization must be an AWS Signature Version 4 of the algorithm 'AWS4-HMAC-SHA256'.";
            return Err(OpError::IncompleteSignature(message.into()));
        }
        let parameter = |wanted: &str| {
            let mut all = parameters.split(',').filter_map(|parameter| parameter.trim().split_once('='));
            all.find(|(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| value)
        };
        let (credential, signed_headers, signature) =
            (parameter("Credential"), parameter("SignedHeaders"), parameter("Signature"));
        let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature) else {
            let given = [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)];
            let missing = given.iter().filter(|(_, value)| value.is_none());
            let messages: Vec<String> =
                missing.map(|(name, _)| format!("Authorization header requires '{name}' parameter.")).collect();
            return Err(OpError::IncompleteSignature(messages.join(" ")));
        };
        let elements: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, terminator] = elements[..] else {
            let message =
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.";
            return Err(OpError::IncompleteSignature(message.into()));
        };
        if terminator != "aws4_request" {
            let message = "Credential should be scoped with a valid terminator: 'aws4_request'.";
            return Err(OpError::InvalidSignature(message.into()));
        }
        Ok(Self {
            access_key: access_key.into(),
            date: date.into(),
            region: region.into(),
            service: service.into(),
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.into(),
        })
    }

    /// `date/region/service/aws4_request`
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    /// Whether a header is among the signed ones; `name` is in lower case.
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const CREDENTIAL: &str = "Credential=AK/20150830/us-east-1/personalize/aws4_request";

    fn refusal(value: &str) -> (&'static str, String) {
        let error = Authorization::parse(value).unwrap_err();
        (error.code(crate::wire::Api::Control).0, error.to_string())
    }

    #[test]
    fn spaces_between_parameters_do_not_matter() {
        let wide = format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host;X-Amz-Date, Signature=ab");
        let narrow = format!("AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date,{CREDENTIAL},Signature=ab");
        let parsed = Authorization::parse(&wide).unwrap();
        assert_eq!(parsed, Authorization::parse(&narrow).unwrap());
        assert_eq!(parsed.scope(), "20150830/us-east-1/personalize/aws4_request");
        assert!(parsed.signs("x-amz-date") && !parsed.signs("x-amz-target"));
    }

    #[test]
    fn every_missing_parameter_is_named() {
        let (code, message) = refusal("AWS4-HMAC-SHA256 Signature=ab");
        assert_eq!(code, "IncompleteSignatureException");
        assert!(message.contains("'Credential'") && message.contains("'SignedHeaders'"), "{message}");
        assert!(!message.contains("'Signature'"), "{message}");
        let (code, message) = refusal("AWS4-HMAC-SHA256");
        assert_eq!((code, message.matches("requires").count()), ("IncompleteSignatureException", 3));
    }

    #[test]
    fn another_algorithm_or_a_credential_of_another_form_is_incomplete() {
        for value in ["", "Bearer x", "AWS palate:ab", "AWS4-ECDSA-P256-SHA256 Credential=a"] {
            assert_eq!(refusal(value).0, "IncompleteSignatureException", "{value}");
        }
        let value = |credential| format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=ab");
        assert_eq!(refusal(&value("AK/20150830/us-east-1/aws4_request")).0, "IncompleteSignatureException");
        assert_eq!(refusal(&value("AK/20150830/r/s/aws5_request")).0, "InvalidSignatureException");
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused(value in "(AWS4-HMAC-SHA256 )?[ -~]*") {
            let _ = Authorization::parse(&value);
        }
    }
}
