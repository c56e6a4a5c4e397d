//! TLS without I/O, between an exchange and its connection: encrypted bytes in and out. rustls does the work.
//!
//! Every connection makes a whole handshake, as Python's does: no session is resumed.

use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError,
    OtherError, RootCertStore, SignatureScheme,
};
use rustls_native_certs::CertificateResult;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

/// Whom to believe that a server is who it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// Whom the system trusts; as for OpenSSL, `SSL_CERT_FILE` and `SSL_CERT_DIR` replace its certificates.
    System,
    /// The authorities in this file of PEM certificates, or in this folder, whose names are as `openssl rehash` makes.
    Authorities(PathBuf),
    /// Anybody: nothing is verified.
    Anybody,
}

/// What all connections of a call have in common.
#[derive(Debug, Clone)]
pub struct Client {
    trust: Trust,
    config: Arc<ClientConfig>,
}

impl Client {
    /// Reads the certificates of those to trust.
    pub fn new(trust: Trust) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let failed = |error: TlsError| Error::Internal(format!("preparing TLS: {error}"));
        let verifier = Arc::new(Verifier::new(&trust, &provider)?);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Client { trust, config: Arc::new(config) })
    }
}

/// Only the trust is sent to a worker process, which reads the certificates itself.
impl Serialize for Client {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.trust.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Client {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        thread_local! {
            /// A worker is sent the same one with every URL.
            static LAST: RefCell<Option<Client>> = const { RefCell::new(None) };
        }
        let trust = Trust::deserialize(deserializer)?;
        LAST.with_borrow_mut(|last| match last {
            Some(client) if client.trust == trust => Ok(client.clone()),
            _ => {
                let client = Client::new(trust).map_err(serde::de::Error::custom)?;
                Ok(last.insert(client).clone())
            }
        })
    }
}

/// The TLS of one connection.
#[derive(Debug)]
pub struct Tls {
    connection: ClientConnection,
    /// Encrypted bytes to send, and how many of them were sent.
    outgoing: Vec<u8>,
    sent: usize,
    /// Whether nothing more can be received.
    ended: bool,
    host: String,
}

/// How far a connection has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The handshake goes on.
    Handshaking,
    /// The handshake has just ended.
    Secured,
    /// Data flows.
    Open,
    /// The server has ended the stream.
    Ended,
}

impl Tls {
    /// A connection to `host`, a name or an IP address, that has yet to send the first bytes of its handshake.
    pub fn begin(client: &Client, host: &str) -> Result<Self, String> {
        let name = match host.parse::<std::net::IpAddr>() {
            Ok(address) => ServerName::IpAddress(IpAddr::from(address)),
            Err(_) => ServerName::try_from(host.to_owned())
                .map_err(|_| format!("{host:?} is no name that a certificate can be for"))?,
        };
        let mut connection =
            ClientConnection::new(Arc::clone(&client.config), name).map_err(|error| reason(&error, host))?;
        connection.set_buffer_limit(None); // else it takes no more than 64 KiB of a request
        let mut tls = Tls { connection, outgoing: Vec::new(), sent: 0, ended: false, host: host.to_owned() };
        tls.collect();
        Ok(tls)
    }

    /// Encrypted bytes that are still to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// Records that `count` more of them were sent.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
    }

    /// Encrypts `data`, to be sent.
    pub fn send(&mut self, data: &[u8]) {
        // Writing to memory cannot fail.
        let _ = self.connection.writer().write_all(data);
        self.collect();
    }

    /// Takes encrypted bytes from the server, as many as there is room for, and removes them from `data`; passes what
    /// they decrypt to on to `plain`, piece by piece.
    pub fn receive<E>(
        &mut self,
        data: &mut &[u8],
        mut plain: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Progress, Failure<E>> {
        let handshaking = self.connection.is_handshaking();
        // Reading from memory cannot fail; a full buffer is emptied below.
        let _ = self.connection.read_tls(data);
        let state = self.connection.process_new_packets();
        self.collect();
        self.ended = state.as_ref().map_or(true, rustls::IoState::peer_has_closed);
        state.map_err(|error| Failure::Tls(reason(&error, &self.host)))?;
        let mut reader = self.connection.reader();
        while let Ok(bytes @ [_, ..]) = reader.fill_buf() {
            plain(bytes).map_err(Failure::Plain)?;
            let count = bytes.len();
            reader.consume(count);
        }
        Ok(match (handshaking, self.connection.is_handshaking()) {
            (_, true) => Progress::Handshaking,
            (true, false) => Progress::Secured,
            (false, false) if self.ended => Progress::Ended,
            (false, false) => Progress::Open,
        })
    }

    /// Whether nothing more can be received: the server has ended the stream, or broken TLS.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the bytes that rustls wants sent.
    fn collect(&mut self) {
        while self.connection.wants_write() {
            // Writing to memory cannot fail.
            let _ = self.connection.write_tls(&mut self.outgoing);
        }
    }
}

/// What went wrong while receiving.
#[derive(Debug)]
pub enum Failure<E> {
    /// TLS, for this reason.
    Tls(String),
    /// What was done with the decrypted bytes.
    Plain(E),
}

/// Verifies certificates as browsers do, and says in our own words what is wrong with one.
#[derive(Debug)]
struct Verifier {
    /// Accepts what leads to an authority; None accepts every certificate.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// Also of a server that is not verified: it must own its certificate's key, or TLS could not work.
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let authorities = match trust {
            Trust::Anybody => None,
            Trust::System => Some((rustls_native_certs::load_native_certs(), "the system".to_owned())),
            Trust::Authorities(path) => Some((certificates_at(path), path.display().to_string())),
        };
        let authorities = authorities.map(|(found, whose)| verifier(found, &whose, provider)).transpose()?;
        Ok(Verifier { authorities, algorithms: provider.signature_verification_algorithms })
    }
}

/// The certificates of a file; or of a folder, in those files that OpenSSL looks at.
fn certificates_at(path: &Path) -> CertificateResult {
    let of_file = |file: &Path| rustls_native_certs::load_certs_from_paths(Some(file), None);
    if !path.is_dir() {
        return of_file(path);
    }
    let mut all = CertificateResult::default();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_hash_name) {
            let found = of_file(&entry.path());
            all.certs.extend(found.certs);
            all.errors.extend(found.errors);
        }
    }
    all
}

/// Whether `openssl rehash` gives such names: `5ad8a5d6.0`.
fn is_hash_name(name: &str) -> bool {
    name.split_once('.').is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn verifier(
    found: CertificateResult,
    whose: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Error::Internal(format!("{whose} has no certificate of an authority to trust{why}")));
    }
    WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
        .build()
        .map_err(|error| Error::Internal(format!("preparing TLS: {error}")))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        authorities.verify_server_cert(leaf, intermediates, name, ocsp, now).map_err(|error| match error {
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
                if is_self_signed(leaf) =>
            {
                CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, leaf, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether the certificate names itself as its issuer.
fn is_self_signed(leaf: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(leaf).is_ok_and(|leaf| leaf.issuer() == leaf.subject())
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate is self-signed")]
struct SelfSigned;

/// What went wrong, in the words of the Python versions.
fn reason(error: &TlsError, host: &str) -> String {
    use CertificateError as Certificate;

    match error {
        TlsError::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "the certificate has expired".to_owned(),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the certificate is not valid yet".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                format!("the certificate is not for {host}")
            }
            Certificate::UnknownIssuer => "the certificate's issuer is unknown".to_owned(),
            Certificate::Other(OtherError(other)) if other.is::<SelfSigned>() => SelfSigned.to_string(),
            other => format!("the certificate cannot be verified: {other}"),
        },
        TlsError::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        TlsError::AlertReceived(alert) => format!("the server refused it: {}", alert_words(*alert)),
        other => other.to_string(),
    }
}

/// An alert in OpenSSL's words.
fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown ca".to_owned(),
        AlertDescription::UnknownPSKIdentity => "unknown psk identity".to_owned(),
        AlertDescription::UnrecognisedName => "unrecognized name".to_owned(),
        AlertDescription::UserCanceled => "user cancelled".to_owned(),
        AlertDescription::EncryptedClientHelloRequired | AlertDescription::Unknown(_) => "unknown error".to_owned(),
        other => words(&format!("{other:?}")),
    }
}

/// `HandshakeFailure` as `handshake failure`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// The reason for a handshake that the server cut off.
#[must_use]
pub fn cut_off() -> String {
    "the server closed the connection".to_owned()
}

/// The error of a stream that ended without TLS's own end: it may have been cut off by anybody.
#[must_use]
pub fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended without the closing message of TLS")
}
