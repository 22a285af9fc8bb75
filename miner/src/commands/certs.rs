//! `cityseal certs`: makes a CA, a server certificate and client certificates; adds more; and revokes.

mod authority;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cityseal_cli::{CliError, Ending, Explain, files, unix_now};
use x509_parser::parse_x509_crl;
use x509_parser::pem::parse_x509_pem;
use zeroize::Zeroizing;

use crate::args::{CertsAction, CertsAddArgs, CertsArgs, CertsRevokeArgs};
use crate::context::Context;
use crate::json::{CertsAddAnswer, CertsAnswer, CertsRevokeAnswer, ClientRow, ServerRow};

use authority::{Authority, CA_DAYS, Pair, Validity, hex, uri_of};

use super::say_unless_json;

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const CRL: &str = "crl.pem";
const SERVER: &str = "server";

/// Maximum size of a certificate, a key or a revocation list in bytes, as for the service.
const PEM_BYTES_MAX: u64 = cityseal_service::limits::PEM_BYTES_MAX;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CertsCommandError {
    /// A file, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// A file of a new certificate exists.
    #[error(
        "{}: the file exists, and no certificate or key is overwritten; move it away, or choose another folder",
        path.display()
    )]
    CertsExist {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key in the folder are not those of a CA.
    #[error("{}: {CA} and {CA_KEY} are not a CA that can sign: {source}", folder.display())]
    BadCa {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: rcgen::Error,
    },
    /// A file is not what it should be.
    #[error("{}: expected {expected} in PEM", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
    },
    /// Other users may read the key of the CA.
    #[error(
        "{}: other users can read this secret key (permissions {mode:04o}), so it is not used; run `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    KeyReadable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl Explain for CertsCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::CertsExist { .. } => "certs-exist",
            Self::BadCa { .. } => "bad-ca",
            Self::BadCertificate { .. } => "bad-certificate",
            Self::KeyReadable { .. } => "key-readable",
            Self::Make(_) => "no-certificate",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::CertsExist { path } | Self::BadCertificate { path, .. } | Self::KeyReadable { path, .. } => {
                Some(path.display().to_string())
            }
            Self::BadCa { folder, .. } => Some(folder.display().to_string()),
            Self::Make(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &CertsArgs) -> Result<Ending, CertsCommandError> {
    match (&args.action, &args.out) {
        (Some(CertsAction::Add(args)), _) => add(context, args)?,
        (Some(CertsAction::Revoke(args)), _) => revoke(context, args)?,
        (None, Some(folder)) => create(context, args, folder)?,
        (None, None) => unreachable!("the parser requires --out without a subcommand"),
    }
    Ok(Ending::Yes)
}

fn create(context: &Context, args: &CertsArgs, folder: &Path) -> Result<(), CertsCommandError> {
    fs::create_dir_all(folder).map_err(|source| CliError::WriteFile { path: folder.into(), source })?;
    let (ca, ca_key, crl) = (folder.join(CA), folder.join(CA_KEY), folder.join(CRL));
    check_free(&[ca.clone(), ca_key.clone(), crl.clone()])?;
    let folder = Folder { path: folder, validity: Validity::new(unix_now(), args.days) };
    folder.check_free(&args.client, true)?;
    let ca_validity = Validity::new(unix_now(), CA_DAYS);
    let (authority, pair) = Authority::create(ca_validity, random_serial()?)?;
    write_secret(&ca_key, &pair.key)?;
    write_new(&ca, &pair.certificate)?;
    write_new(&crl, &authority.revocation_list(&[], unix_now())?)?;
    let server = folder.server(&authority, &args.name)?;
    let clients = folder.clients(&authority, &args.client)?;
    let answer = CertsAnswer {
        configuration: configuration(&server, &ca, &crl, &args.client),
        ca: text(&ca),
        ca_key: text(&ca_key),
        ca_not_after: ca_validity.not_after(),
        crl: text(&crl),
        server,
        clients,
        not_after: folder.validity.not_after(),
    };
    context.output.answer(&answer, |_| answer.configuration.clone()).map_err(CliError::Stdout)?;
    let until = cityseal_cli::utc_date(answer.not_after);
    say_unless_json(&context.output, format_args!("certificates until {until} in {}", folder.path.display()));
    say_unless_json(
        &context.output,
        format_args!("keep {} offline: anyone who has it can make clients", answer.ca_key),
    );
    Ok(())
}

fn add(context: &Context, args: &CertsAddArgs) -> Result<(), CertsCommandError> {
    let authority = open(&args.folder)?;
    let folder = Folder { path: &args.folder, validity: Validity::new(unix_now(), args.days) };
    folder.check_free(&args.client, !args.name.is_empty())?;
    let server = if args.name.is_empty() { None } else { Some(folder.server(&authority, &args.name)?) };
    let clients = folder.clients(&authority, &args.client)?;
    let answer = CertsAddAnswer { server, clients, not_after: folder.validity.not_after() };
    let names = answer.clients.iter().map(|client| client.tenant.as_str());
    let tables: String = names.map(tenant_table).collect();
    // Without a new tenant there is nothing to put into the configuration.
    let server = answer.server.as_ref().map(|server| format!("# {}", server.certificate)).unwrap_or_default();
    let words = format!("{server}{tables}");
    context.output.answer(&answer, |_| words.trim().to_owned()).map_err(CliError::Stdout)?;
    let until = cityseal_cli::utc_date(answer.not_after);
    say_unless_json(&context.output, format_args!("certificates until {until} in {}", args.folder.display()));
    Ok(())
}

fn revoke(context: &Context, args: &CertsRevokeArgs) -> Result<(), CertsCommandError> {
    let authority = open(&args.folder)?;
    let path = args.folder.join(CRL);
    let mut serials = revoked_in(&path)?;
    for certificate in &args.certificates {
        let serial = serial_of(certificate)?;
        if !serials.contains(&serial) {
            serials.push(serial);
        }
    }
    let list = authority.revocation_list(&serials, unix_now())?;
    let unwritable = |source| CliError::WriteFile { path: path.clone(), source };
    files::write_output(&path, list.as_bytes()).map_err(unwritable)?;
    let serials: Vec<String> = serials.iter().map(|serial| hex(serial)).collect();
    let answer = CertsRevokeAnswer { crl: text(&path), serials };
    context.output.answer(&answer, |_| answer.serials.join("\n")).map_err(CliError::Stdout)?;
    say_unless_json(&context.output, format_args!("the revocation list {} has these serial numbers", answer.crl));
    Ok(())
}

/// A folder that gets new certificates.
struct Folder<'a> {
    path: &'a Path,
    validity: Validity,
}

impl Folder<'_> {
    /// The files of a certificate and its key.
    fn files(&self, name: &str) -> [PathBuf; 2] {
        [self.path.join(format!("{name}.pem")), self.path.join(format!("{name}.key"))]
    }

    /// Checks that no file of the new certificates exists, so that none is made if one cannot be.
    fn check_free(&self, tenants: &[String], with_server: bool) -> Result<(), CertsCommandError> {
        let names = tenants.iter().map(|tenant| client_name(tenant)).chain(with_server.then(|| SERVER.to_owned()));
        names.into_iter().try_for_each(|name| check_free(&self.files(&name)))
    }

    fn server(&self, authority: &Authority, names: &[String]) -> Result<ServerRow, CertsCommandError> {
        let pair = authority.server(names, self.validity, random_serial()?)?;
        let [certificate, key] = self.write(SERVER, &pair)?;
        Ok(ServerRow { names: names.to_vec(), certificate, key })
    }

    fn clients(&self, authority: &Authority, tenants: &[String]) -> Result<Vec<ClientRow>, CertsCommandError> {
        let make = |tenant: &String| {
            let pair = authority.client(tenant, self.validity, random_serial()?)?;
            let [certificate, key] = self.write(&client_name(tenant), &pair)?;
            Ok(ClientRow { tenant: tenant.clone(), uri: uri_of(tenant), serial: pair.serial, certificate, key })
        };
        tenants.iter().map(make).collect()
    }

    /// Writes a pair; returns the paths of the certificate and the key.
    fn write(&self, name: &str, pair: &Pair) -> Result<[String; 2], CertsCommandError> {
        let [certificate, key] = self.files(name);
        write_secret(&key, &pair.key)?;
        write_new(&certificate, &pair.certificate)?;
        Ok([text(&certificate), text(&key)])
    }
}

fn client_name(tenant: &str) -> String {
    format!("client-{tenant}")
}

fn check_free(paths: &[PathBuf]) -> Result<(), CertsCommandError> {
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(CertsCommandError::CertsExist { path: path.clone() }),
        None => Ok(()),
    }
}

/// Opens the CA of a folder, whose key only its owner may have permission to read.
fn open(folder: &Path) -> Result<Authority, CertsCommandError> {
    let (certificate, path) = (read(&folder.join(CA))?, folder.join(CA_KEY));
    let unreadable = |source| CliError::ReadFile { path: path.clone(), source };
    let file = fs::File::open(&path).map_err(unreadable)?;
    if let Some(mode) = files::mode_for_others(&file).map_err(unreadable)? {
        return Err(CertsCommandError::KeyReadable { path, mode });
    }
    let key = Zeroizing::new(files::text_of(file, PEM_BYTES_MAX).map_err(unreadable)?);
    Authority::open(&certificate, &key).map_err(|source| CertsCommandError::BadCa { folder: folder.into(), source })
}

/// The serial numbers of a revocation list.
fn revoked_in(path: &Path) -> Result<Vec<Vec<u8>>, CertsCommandError> {
    let expected = "a certificate revocation list";
    let refuse = || CertsCommandError::BadCertificate { path: path.into(), expected };
    let list = read(path)?;
    let (_, pem) = parse_x509_pem(list.as_bytes()).map_err(|_| refuse())?;
    let (_, list) = parse_x509_crl(&pem.contents).map_err(|_| refuse())?;
    Ok(list.iter_revoked_certificates().map(|revoked| significant(revoked.raw_serial())).collect())
}

fn serial_of(path: &Path) -> Result<Vec<u8>, CertsCommandError> {
    let refuse = || CertsCommandError::BadCertificate { path: path.into(), expected: "a certificate" };
    let certificate = read(path)?;
    let (_, pem) = parse_x509_pem(certificate.as_bytes()).map_err(|_| refuse())?;
    let parsed = pem.parse_x509().map_err(|_| refuse())?;
    Ok(significant(parsed.raw_serial()))
}

/// A serial number without the leading zeros that DER adds to a number whose first bit is set.
fn significant(serial: &[u8]) -> Vec<u8> {
    serial.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn read(path: &Path) -> Result<String, CliError> {
    files::read_text(path, PEM_BYTES_MAX).map_err(|source| CliError::ReadFile { path: path.into(), source })
}

fn write_secret(path: &Path, key: &str) -> Result<(), CliError> {
    files::write_secret(path, key.as_bytes()).map_err(|source| CliError::WriteFile { path: path.into(), source })
}

/// Writes a file that everyone may read and that must not exist yet.
fn write_new(path: &Path, pem: &str) -> Result<(), CliError> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let written = created.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|source| CliError::WriteFile { path: path.into(), source })
}

fn random_serial() -> Result<[u8; 16], CliError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|error| CliError::System(io::Error::other(error.to_string())))?;
    Ok(serial)
}

/// What to put into the configuration file.
fn configuration(server: &ServerRow, ca: &Path, crl: &Path, tenants: &[String]) -> String {
    let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let tls = format!(
        "[tls]\ncert = {}\nkey = {}\nclient_ca = {}\ncrl = {}\n",
        string(&server.certificate),
        string(&server.key),
        string(&text(ca)),
        string(&text(crl)),
    );
    let tables: String = tenants.iter().map(|tenant| tenant_table(tenant)).collect();
    format!("{tls}{tables}").trim_end().to_owned()
}

fn tenant_table(tenant: &str) -> String {
    // The names of tenants need no escape.
    format!("\n[[tenant]]\nname = \"{tenant}\"\n")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
