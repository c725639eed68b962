//! An issuer's public keys (JWKS, RFC 7517), and whether one of them signed something.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::Value;

/// Keys taken from one set; issuers have a handful.
const MAX_KEYS: usize = 64;
/// How the encoding of a curve's point begins that has both coordinates.
const UNCOMPRESSED: u8 = 4;

/// The keys of an issuer that can check a signature.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: String,
    /// The only algorithm that it may be used with, if it says so.
    algorithm: Option<KeyAlgorithm>,
    material: Material,
}

/// What a key is made of. It alone says which algorithms it can serve, whatever a token's header claims.
#[derive(Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Reads an algorithm's name, unless it is one with a shared secret: whoever can check such a signature can also make it.
pub(crate) fn public_key_algorithm(name: &str) -> Option<Algorithm> {
    let algorithm: Algorithm = name.parse().ok()?;
    (algorithm.family() != jsonwebtoken::AlgorithmFamily::Hmac).then_some(algorithm)
}

impl KeySet {
    /// Reads a set. Keys of kinds that we do not know are left out, as the standard asks.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(json)?;
        Ok(Self { keys: document.keys.into_iter().take(MAX_KEYS).filter_map(Key::read).collect() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key of this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// Whether the key of this id signed `message` by `algorithm`.
    pub(crate) fn proves(&self, id: &str, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let fits = |key: &&Key| key.id == id && key.algorithm.is_none_or(|its| its == algorithm.into());
        self.keys.iter().filter(fits).any(|key| key.material.proves(algorithm, message, signature))
    }
}

impl Key {
    fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let is_to_verify = jwk.common.public_key_use.is_none_or(|it| it == PublicKeyUse::Signature)
            && jwk.common.key_operations.is_none_or(|them| them.contains(&KeyOperations::Verify));
        if !is_to_verify {
            return None;
        }
        let material = Material::read(&jwk.algorithm)?;
        Some(Self { id: jwk.common.key_id?, algorithm: jwk.common.key_algorithm, material })
    }
}

impl Material {
    fn read(parameters: &AlgorithmParameters) -> Option<Self> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        // Some issuers pad their numbers.
        let number = |text: &str| {
            let bytes = bytes(text)?;
            Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
        };
        let point = |x: &str, y: &str, length: usize| {
            let (x, y) = (bytes(x)?, bytes(y)?);
            (x.len() == length && y.len() == length).then(|| [vec![UNCOMPRESSED], x, y].concat())
        };
        match parameters {
            AlgorithmParameters::RSA(key) => {
                Some(Self::Rsa { modulus: number(&key.n)?, exponent: number(&key.e)? })
            }
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => Some(Self::P256(point(&key.x, &key.y, 32)?)),
                EllipticCurve::P384 => Some(Self::P384(point(&key.x, &key.y, 48)?)),
                _ => None,
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Some(Self::Ed25519(bytes(&key.x)?))
            }
            _ => None,
        }
    }

    fn proves(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |parameters: &RsaParameters, n: &[u8], e: &[u8]| {
            RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        };
        let curve = |curve: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(curve, key).verify(message, signature).is_ok()
        };
        match (self, algorithm) {
            (Self::Rsa { modulus, exponent }, algorithm) => {
                // Keys of less than 2048 bits prove nothing.
                let parameters = match algorithm {
                    Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                rsa(parameters, modulus, exponent)
            }
            (Self::P256(key), Algorithm::ES256) => curve(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Self::P384(key), Algorithm::ES384) => curve(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Self::Ed25519(key), Algorithm::EdDSA) => curve(&signature::ED25519, key),
            (Self::P256(_) | Self::P384(_) | Self::Ed25519(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of RFC 7515, appendices A.2 and A.3: the keys, what was signed, and the signatures.
    const RS256_MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const ES256_MESSAGE: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const ES256_SIGNATURE: &str =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn rsa() -> Value {
        json!({ "kty": "RSA", "kid": "r", "n": N, "e": "AQAB" })
    }

    fn ec() -> Value {
        json!({ "kty": "EC", "kid": "e", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(&serde_json::to_vec(&json!({ "keys": keys })).unwrap()).unwrap()
    }

    fn proves(set: &KeySet, id: &str, algorithm: Algorithm) -> bool {
        let (message, signature) =
            if id == "r" { (RS256_MESSAGE, RS256_SIGNATURE) } else { (ES256_MESSAGE, ES256_SIGNATURE) };
        set.proves(id, algorithm, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    #[test]
    fn the_standards_own_examples_are_proven_by_their_algorithm_alone() {
        let keys = set(&[rsa(), ec()]);
        assert!(proves(&keys, "r", Algorithm::RS256) && proves(&keys, "e", Algorithm::ES256));
        for other in
            [Algorithm::RS384, Algorithm::PS256, Algorithm::ES256, Algorithm::HS256, Algorithm::EdDSA]
        {
            assert!(!proves(&keys, "r", other), "{other:?}");
        }
        for other in [Algorithm::ES384, Algorithm::RS256, Algorithm::HS256, Algorithm::EdDSA] {
            assert!(!proves(&keys, "e", other), "{other:?}");
        }
        assert!(!keys.proves("r", Algorithm::RS256, b"something else", &[]));
        assert!(!proves(
            &set(&[json!({ "kty": "RSA", "kid": "e", "n": N, "e": "AQAB" })]),
            "e",
            Algorithm::ES256
        ));
    }

    #[test]
    fn a_key_serves_only_what_it_is_for() {
        let with = |name: &str, value: Value| {
            let mut key = rsa();
            key.as_object_mut().unwrap().insert(name.to_owned(), value);
            proves(&set(&[key]), "r", Algorithm::RS256)
        };
        assert!(
            with("alg", json!("RS256")) && with("use", json!("sig")) && with("key_ops", json!(["verify"]))
        );
        assert!(!with("alg", json!("RS512")));
        assert!(!with("use", json!("enc")));
        assert!(!with("key_ops", json!(["encrypt"])));
    }

    #[test]
    fn strange_keys_do_not_spoil_the_others() {
        let strange = [
            json!(null),
            json!({}),
            json!({ "kty": "RSA", "kid": "r", "n": "not base64!", "e": "AQAB" }),
            json!({ "kty": "EC", "kid": "e", "crv": "P-256", "x": "AA", "y": "AA" }),
            json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }),
            json!({ "kty": "EC", "kid": "b", "crv": "secp256k1", "x": "AA", "y": "AA" }),
            json!({ "kty": "RSA", "n": N, "e": "AQAB" }),
        ];
        assert!(set(&strange).is_empty());
        let keys = set(&[&strange[..], &[rsa()]].concat());
        assert!(proves(&keys, "r", Algorithm::RS256) && !keys.has("s"));
        for garbage in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
            assert!(KeySet::parse(garbage.as_bytes()).is_err(), "{garbage}");
        }
    }

    #[test]
    fn algorithms_with_a_shared_secret_and_none_have_no_name_here() {
        for name in ["HS256", "HS384", "HS512", "none", "None", "", "rs256"] {
            assert_eq!(public_key_algorithm(name), None, "{name}");
        }
        for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
            assert!(public_key_algorithm(name).is_some(), "{name}");
        }
    }
}
