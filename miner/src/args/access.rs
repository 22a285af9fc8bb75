//! The flags of `certs` and `token`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use cityseal_service::caller::Scope;

use super::values;

const CERTS_EXAMPLES: &str = "\
Examples:
  cityseal certs --out pki --name seal.city.example.org --client land-registry --client parks > city.toml
  cityseal serve --listen 0.0.0.0:50051 --config city.toml
  cityseal certs add pki --client harbour                 one more tenant of the same CA
  cityseal certs revoke pki pki/client-parks.pem          refuse this certificate from now on

The folder gets ca.pem, ca.key, crl.pem, server.pem, server.key, and client-TENANT.pem and .key for each tenant. What
to put into the configuration file is printed on stdout. Only its owner may read a key, and no file is overwritten. The
service needs neither ca.key nor the keys of tenants: keep ca.key offline, and send each tenant its own files and
ca.pem.

Exit codes: 0 done, 2 anything else.";

const CERTS_ADD_EXAMPLES: &str = "\
Examples:
  cityseal certs add pki --client harbour
  cityseal certs add pki --name seal.city.example.org     a new server certificate; move the old one away first

Exit codes: 0 done, 2 anything else.";

const CERTS_REVOKE_EXAMPLES: &str = "\
Examples:
  cityseal certs revoke pki pki/client-parks.pem

A running service reads crl.pem again by itself. Open calls of the certificate end, too.

Exit codes: 0 done, 2 anything else.";

const TOKEN_EXAMPLES: &str = "\
Examples:
  cityseal token --tenant parks --out parks.token >> tokens
  cityseal token --tenant parks --scope read --days 7 --out viewer.token >> tokens

The token goes to --out, which only its owner may read. The line for the service's file of tokens (`tokens = \"FILE\"`
in its configuration) is printed on stdout. It is not secret: it has the SHA-256 of the token. A running service reads the
file again by itself; to revoke a token, remove its line.

Exit codes: 0 done, 2 anything else.";

/// Options of `certs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CERTS_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct CertsArgs {
    /// Work with a CA that exists.
    #[command(subcommand)]
    pub action: Option<CertsAction>,
    /// Write the files into this folder, which is created if it does not exist.
    #[arg(long, value_name = "DIR", required = true)]
    pub out: Option<PathBuf>,
    /// A DNS name or IP address by which clients reach the service. Repeatable.
    #[arg(long, value_name = "HOST", required = true, value_parser = values::host)]
    pub name: Vec<String>,
    /// A tenant that gets a client certificate. Repeatable.
    #[arg(long, value_name = "TENANT", value_parser = values::tenant)]
    pub client: Vec<String>,
    /// The certificates are valid for this many days; the CA for 3,650.
    #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// Subcommands of `certs`.
#[derive(Clone, Debug, Subcommand)]
pub enum CertsAction {
    /// Make more certificates with a CA of `certs`.
    Add(CertsAddArgs),
    /// Add certificates to the revocation list of a CA of `certs`.
    Revoke(CertsRevokeArgs),
}

/// Options of `certs add`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CERTS_ADD_EXAMPLES)]
pub struct CertsAddArgs {
    /// The folder of the CA.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// A tenant that gets a client certificate. Repeatable.
    #[arg(long, value_name = "TENANT", value_parser = values::tenant, required_unless_present = "name")]
    pub client: Vec<String>,
    /// A DNS name or IP address of a new server certificate. Repeatable.
    #[arg(long, value_name = "HOST", value_parser = values::host)]
    pub name: Vec<String>,
    /// The certificates are valid for this many days.
    #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// Options of `certs revoke`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CERTS_REVOKE_EXAMPLES)]
pub struct CertsRevokeArgs {
    /// The folder of the CA.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The certificates to revoke.
    #[arg(value_name = "FILE", required = true)]
    pub certificates: Vec<PathBuf>,
}

/// Options of `token`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub struct TokenArgs {
    /// The tenant whose token it is.
    #[arg(long, value_name = "TENANT", value_parser = values::tenant)]
    pub tenant: String,
    /// What the token may do: seal, verify, read, operate or metrics; at most what its tenant may. Repeatable (default:
    /// seal, verify and read).
    #[arg(long, value_name = "SCOPE", value_parser = values::scope)]
    pub scope: Vec<Scope>,
    /// The token is valid for this many days.
    #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Write the token to this file, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use crate::args::Cli;

    fn parsed(line: &str) -> Result<(), ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map(|_| ()).map_err(|error| error.kind())
    }

    #[test]
    fn a_new_ca_needs_a_folder_and_a_name_and_its_subcommands_need_neither() {
        assert_eq!(parsed("cityseal certs --out d --name localhost"), Ok(()));
        assert_eq!(parsed("cityseal certs --out d"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parsed("cityseal certs --name localhost"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parsed("cityseal certs add d --client parks"), Ok(()));
        assert_eq!(parsed("cityseal certs add d"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parsed("cityseal certs revoke d"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(parsed("cityseal certs --out d --name a add d --client b"), Err(ErrorKind::ArgumentConflict));
    }

    #[test]
    fn refuses_tenants_hosts_and_scopes_that_cannot_be() {
        for line in [
            "cityseal certs --out d --name a_host! --client parks",
            "cityseal certs --out d --name localhost --client ../parks",
            "cityseal token --tenant parks --scope sael --out t",
            "cityseal token --tenant parks --days 0 --out t",
        ] {
            assert_eq!(parsed(line), Err(ErrorKind::ValueValidation), "{line}");
        }
    }
}
