//! The lab's TLS: a certificate made when it starts, and the encrypted side of a connection.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection};

use super::sender::{SEND, SEND_LAST, Sender};
use crate::clock::monotonic_ns;

/// The hosts that the certificate of every lab is for.
const HOSTS: [&str; 6] = ["localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"];

/// Makes a certificate for [`HOSTS`] and `names`, and a certificate authority that signs it; returns what connections
/// need, and the authority's own certificate (PEM), which clients must trust.
pub(super) fn identity(names: &[String]) -> io::Result<(Arc<ServerConfig>, String)> {
    let make = || -> Result<_, rcgen::Error> {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name.push(DnType::CommonName, "aio_strategies lab CA");
        let ca_key = KeyPair::generate()?;
        let pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let hosts: Vec<String> = HOSTS.iter().map(ToString::to_string).chain(names.iter().cloned()).collect();
        let mut leaf = CertificateParams::new(hosts)?;
        leaf.distinguished_name.push(DnType::CommonName, "aio_strategies lab");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // strict clients, such as Python 3.13, ask for it
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok((leaf.signed_by(&key, &issuer)?, key, pem))
    };
    let (certificate, key, pem) = make().map_err(io::Error::other)?;

    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key.into()))
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // No client resumes a session: each connection costs every client a whole handshake.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((Arc::new(config), pem))
}

/// The encrypted side of a connection.
#[derive(Debug)]
pub(super) struct Tls {
    session: ServerConnection,
    /// When the handshake had ended; 0 before.
    pub(super) secured: u64,
}

impl Tls {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Self {
        let session = ServerConnection::new(Arc::clone(config)).expect("it does not limit the size of fragments");
        Self { session, secured: 0 }
    }

    /// Reads decrypted bytes; `Ok(0)` is the end, with or without the peer's closing alert. `InvalidData` means that
    /// the peer does not keep to TLS, and has been told so if the kernel took the alert.
    pub(super) fn read(&mut self, mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            if self.session.read_tls(&mut stream)? == 0 {
                return Ok(0);
            }
            let processed = self.session.process_new_packets();
            if self.secured == 0 && !self.session.is_handshaking() {
                self.secured = monotonic_ns(); // before the client gets to know
            }
            self.flush(stream, SEND)?;
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes bytes to send, encrypts them and sends what the kernel takes; returns how many it took. After the `last`
    /// ones it announces the end.
    pub(super) fn send(&mut self, stream: &TcpStream, slices: &[IoSlice<'_>], last: bool) -> io::Result<usize> {
        if !self.flush(stream, SEND)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.session.writer().write_vectored(slices)?;
        let last = last && count == slices.iter().map(|slice| slice.len()).sum::<usize>();
        if last {
            self.session.send_close_notify();
        }
        self.flush(stream, if last { SEND_LAST } else { SEND })?;
        Ok(count)
    }

    /// Sends what is encrypted; returns whether the kernel has taken all of it.
    pub(super) fn flush(&mut self, stream: &TcpStream, flags: i32) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Sender { stream, flags }) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Announces the end, unless that has been done.
    pub(super) fn end(&mut self, stream: &TcpStream) {
        self.session.send_close_notify();
        let _ = self.flush(stream, SEND); // fails if the peer is gone
    }
}
