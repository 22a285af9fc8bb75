//! A CA of one service: its server certificate, the client certificates of tenants, and the revocation list.
//!
//! All keys are ECDSA on P-256. Nothing here reads a file or the clock.

use std::net::IpAddr;

use cityseal_service::TENANT_URI_PREFIX;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// How long the CA is valid, in days. It signs the certificates of the service and its tenants only.
pub(super) const CA_DAYS: u32 = 3650;

/// Certificates are valid from this time before now on: clocks differ.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// The latest clock that is accepted, as Unix time: X.509 has no dates after the year 9999 (RFC 5280 section 4.1.2.5),
/// and a CA needs ten years.
const LATEST: u64 = 253_000_000_000;

/// A certificate and its secret key, both in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
    /// The serial number in hex.
    pub(super) serial: String,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    now: OffsetDateTime,
    days: u32,
}

impl Validity {
    /// `now`: Unix time, in seconds.
    pub(super) fn new(now: u64, days: u32) -> Self {
        let now = OffsetDateTime::from_unix_timestamp(now.min(LATEST) as i64);
        Self { now: now.expect("years up to 9999 have a date"), days }
    }

    /// The first second after it, as Unix time.
    pub(super) fn not_after(self) -> u64 {
        // A certificate's own last second is inclusive (RFC 5280 section 4.1.2.5).
        u64::try_from((self.now + Duration::days(self.days.into())).unix_timestamp()).unwrap_or(0) + 1
    }

    fn set(self, params: &mut CertificateParams) {
        params.not_before = self.now - CLOCK_SKEW;
        params.not_after = self.now + Duration::days(self.days.into());
    }
}

/// A CA that can sign.
pub(super) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Creates a CA. Returns it with its own certificate and key.
    pub(super) fn create(validity: Validity, serial: [u8; 16]) -> Result<(Self, Pair), Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CitySeal CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from_slice(&positive(serial)));
        validity.set(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let pair = Pair { certificate, key: Zeroizing::new(key.serialize_pem()), serial: hex(&positive(serial)) };
        Ok((Self(Issuer::new(params, key)), pair))
    }

    /// Opens the CA of a certificate and its key.
    pub(super) fn open(certificate: &str, key: &str) -> Result<Self, Error> {
        Ok(Self(Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?))
    }

    /// Signs a certificate for the service under these names.
    pub(super) fn server(&self, names: &[String], validity: Validity, serial: [u8; 16]) -> Result<Pair, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CitySeal service");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = |name: &String| match name.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ia5String::try_from(name.as_str()).map(SanType::DnsName),
        };
        params.subject_alt_names = names.iter().map(name).collect::<Result<_, _>>()?;
        self.sign(params, validity, serial)
    }

    /// Signs a certificate for a tenant.
    pub(super) fn client(&self, tenant: &str, validity: Validity, serial: [u8; 16]) -> Result<Pair, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, tenant);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri_of(tenant))?)];
        self.sign(params, validity, serial)
    }

    fn sign(&self, mut params: CertificateParams, validity: Validity, serial: [u8; 16]) -> Result<Pair, Error> {
        let serial = positive(serial);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        validity.set(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?.pem();
        Ok(Pair { certificate, key: Zeroizing::new(key.serialize_pem()), serial: hex(&serial) })
    }

    /// Signs the list of revoked serial numbers, in PEM. The service does not check when a list ends.
    pub(super) fn revocation_list(&self, serials: &[Vec<u8>], now: u64) -> Result<String, Error> {
        let validity = Validity::new(now, CA_DAYS);
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: validity.now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: validity.now - CLOCK_SKEW,
            next_update: validity.now + Duration::days(CA_DAYS.into()),
            // Each list has a greater number than the one before (RFC 5280 section 5.2.3).
            crl_number: SerialNumber::from(now),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0)?.pem()
    }
}

/// The URI in the certificate of a tenant.
pub(super) fn uri_of(tenant: &str) -> String {
    format!("{TENANT_URI_PREFIX}{tenant}")
}

/// Random bytes as a serial number: positive and without leading zeros, as DER writes it.
fn positive(mut serial: [u8; 16]) -> [u8; 16] {
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// Hex digits of a serial number.
pub(super) fn hex(serial: &[u8]) -> String {
    cityseal_chain::hex::encode(serial)
}
