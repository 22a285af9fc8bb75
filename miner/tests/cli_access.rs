//! `cityseal certs`, `cityseal token` and `cityseal config`: their files, their permissions, and what they refuse.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::fs;
use std::path::Path;

use common::{Folder, cityseal};

/// The permission bits of a file.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn new_pki(folder: &Folder) -> String {
    let pki = folder.path().join("pki").to_str().unwrap().to_owned();
    let run = cityseal(&["certs", "--out", &pki, "--name", "localhost", "--client", "parks"]);
    assert_eq!(run.code, 0, "{run:?}");
    pki
}

/// The names of all files in a folder, sorted.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn certs_makes_all_files_and_prints_a_configuration_that_can_be_used_as_it_is() {
    let folder = Folder::new();
    let pki = folder.path().join("pki").to_str().unwrap().to_owned();
    let run = cityseal(&["certs", "--out", &pki, "--name", "localhost", "--client", "parks", "--client", "roads"]);
    assert_eq!(run.code, 0, "{run:?}");
    let expected = [
        "ca.key",
        "ca.pem",
        "client-parks.key",
        "client-parks.pem",
        "client-roads.key",
        "client-roads.pem",
        "crl.pem",
        "server.key",
        "server.pem",
    ];
    assert_eq!(names(&pki), expected);
    #[cfg(unix)]
    for path in expected.map(|name| Path::new(&pki).join(name)) {
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        assert_eq!(mode(&path) == 0o600, is_key, "{}", path.display());
    }
    let tables: toml::Table = run.stdout.parse().unwrap();
    assert_eq!(tables["tls"]["key"].as_str(), Some(&*format!("{pki}/server.key")));
    let tenants: Vec<_> = tables["tenant"].as_array().unwrap().iter().map(|tenant| tenant["name"].as_str()).collect();
    assert_eq!(tenants, [Some("parks"), Some("roads")]);
    assert!(run.stderr.contains("keep") && run.stderr.contains("ca.key offline"), "{run:?}");
    // Any command reads and checks the configuration.
    let config = folder.file("city.toml", &run.stdout);
    assert_eq!(cityseal(&["devices", "--device", "cpu", "--config", &config]).code, 0);
}

#[test]
fn no_file_is_overwritten_and_nothing_is_made_beside_it() {
    let folder = Folder::new();
    let pki = new_pki(&folder);
    let before: Vec<Vec<u8>> = names(&pki).iter().map(|name| fs::read(Path::new(&pki).join(name)).unwrap()).collect();
    let again = ["certs", "--out", &pki, "--name", "localhost", "--client", "harbour"];
    cityseal(&again).refused(&["ca.pem", "the file exists", "move it away"]);
    let add = ["certs", "add", &pki, "--client", "harbour", "--client", "parks"];
    cityseal(&add).refused(&["client-parks.pem", "the file exists"]);
    cityseal(&["certs", "add", &pki, "--name", "localhost"]).refused(&["server.pem", "the file exists"]);
    let after: Vec<Vec<u8>> = names(&pki).iter().map(|name| fs::read(Path::new(&pki).join(name)).unwrap()).collect();
    assert_eq!(before, after, "no file of harbour either");
}

#[test]
fn a_server_certificate_is_renewed_after_the_old_one_was_moved_away() {
    let folder = Folder::new();
    let pki = new_pki(&folder);
    for end in ["pem", "key"] {
        fs::rename(format!("{pki}/server.{end}"), format!("{pki}/old.{end}")).unwrap();
    }
    let run = cityseal(&["certs", "add", &pki, "--name", "10.0.0.7", "--days", "9"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_ne!(fs::read(format!("{pki}/server.pem")).unwrap(), fs::read(format!("{pki}/old.pem")).unwrap());
}

#[test]
fn revoking_keeps_what_was_revoked_before_and_each_only_once() {
    let folder = Folder::new();
    let pki = new_pki(&folder);
    assert_eq!(cityseal(&["certs", "add", &pki, "--client", "roads"]).code, 0);
    let revoke = |name: &str| {
        let run = cityseal(&["certs", "revoke", &pki, &format!("{pki}/{name}.pem"), "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        run.json()["serials"].as_array().unwrap().clone()
    };
    let first = revoke("client-parks");
    assert_eq!((first.len(), revoke("client-parks").len()), (1, 1));
    let both = revoke("client-roads");
    assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");
}

#[test]
fn what_is_no_ca_or_no_certificate_is_named() {
    let folder = Folder::new();
    let pki = new_pki(&folder);
    let text = folder.file("text", "no PEM");
    cityseal(&["certs", "revoke", &pki, &text]).refused(&["text: expected a certificate in PEM"]);
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    cityseal(&["certs", "add", &missing, "--client", "a"]).refused(&["missing", "ca.pem"]);
    fs::copy(format!("{pki}/client-parks.key"), format!("{pki}/ca.key")).unwrap();
    fs::write(format!("{pki}/ca.pem"), "no PEM").unwrap();
    cityseal(&["certs", "add", &pki, "--client", "a"]).refused(&["not a CA that can sign"]);
}

#[cfg(unix)]
#[test]
fn a_key_of_a_ca_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let pki = new_pki(&folder);
    fs::set_permissions(format!("{pki}/ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    cityseal(&["certs", "add", &pki, "--client", "a"]).refused(&["ca.key", "permissions 0644", "chmod 600"]);
    fs::set_permissions(format!("{pki}/server.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let config = format!("[tls]\ncert = \"{pki}/server.pem\"\nkey = \"{pki}/server.key\"\n");
    let config = folder.file("city.toml", config);
    let serve = ["serve", "--device", "cpu", "--listen", "127.0.0.1:0", "--config", &config];
    cityseal(&serve).refused(&["server.key", "permissions 0640", "chmod 600"]);
}

#[test]
fn a_token_is_in_its_file_only_and_its_line_has_the_digest() {
    let folder = Folder::new();
    let out = folder.path().join("parks.token");
    let path = out.to_str().unwrap();
    let run = cityseal(&["token", "--tenant", "parks", "--scope", "read", "--days", "7", "--out", path]);
    assert_eq!(run.code, 0, "{run:?}");
    let token = fs::read_to_string(&out).unwrap();
    let (id, secret) = token.trim().strip_prefix("cs1_").unwrap().split_once('_').unwrap();
    assert_eq!((id.len(), secret.len(), token.lines().count()), (16, 64, 1));
    assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{run:?}");
    let columns: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!((columns.len(), columns[0], &columns[2..4]), (5, id, &["parks", "read"][..]));
    #[cfg(unix)]
    assert_eq!(mode(&out), 0o600);
    let again = cityseal(&["token", "--tenant", "parks", "--out", path]);
    again.refused(&["parks.token", "the file exists", "never overwritten"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), token);
}

/// A configuration with TLS, a token and the key of an auditor, and the arguments of `config check`.
fn configured(folder: &Folder, change: impl FnOnce(String) -> String) -> [String; 3] {
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pki = path("pki");
    if !Path::new(&pki).exists() {
        new_pki(folder);
        let token = cityseal(&["token", "--tenant", "parks", "--out", &path("parks.token")]);
        folder.file("tokens", token.stdout);
        assert_eq!(cityseal(&["key", "new", "--out", &path("auditor.key")]).code, 0);
    }
    let tls = ["cert = \"server.pem", "key = \"server.key", "client_ca = \"ca.pem", "crl = \"crl.pem"]
        .map(|line| line.replace('"', &format!("\"{pki}/")) + "\"\n");
    let text = format!(
        "listen = \"0.0.0.0:50051\"\ntokens = {:?}\nkey = {:?}\n[limits]\njobs = 9\n[tls]\n{}\
         [[tenant]]\nname = \"parks\"\n",
        path("tokens"),
        path("auditor.key"),
        tls.concat()
    );
    ["config", "check", &folder.file("city.toml", change(text))].map(str::to_owned)
}

fn check_config(folder: &Folder, change: impl FnOnce(String) -> String) -> common::Run {
    let arguments = configured(folder, change);
    cityseal(&[&arguments.each_ref().map(String::as_str)[..], &["--json"]].concat())
}

#[test]
fn a_configuration_is_checked_with_the_files_that_it_names() {
    let folder = Folder::new();
    let good = check_config(&folder, |text| text);
    assert_eq!(good.code, 0, "{good:?}");
    let answer = good.json();
    common::schemas::check_is_exact("config-check", &answer);
    assert_eq!(
        (&answer["listen"], &answer["tenants"], &answer["tokens"]),
        (&"0.0.0.0:50051".into(), &1.into(), &1.into())
    );
    assert!(answer["certificate_not_after"].as_u64().unwrap() > 1_700_000_000, "{answer}");
    let rows = answer["memory"].as_array().unwrap();
    let sum: u64 = rows.iter().map(|row| row["count"].as_u64().unwrap() * row["each_bytes"].as_u64().unwrap()).sum();
    assert_eq!(answer["memory_max_bytes"], sum);
    assert!(rows.iter().any(|row| row["what"] == "running jobs" && row["count"] == 9), "{answer}");
}

#[test]
fn a_configuration_that_the_service_would_refuse_is_refused_with_its_place() {
    let folder = Folder::new();
    let refused = |change: &dyn Fn(String) -> String, place: &str, words: &[&str]| {
        let run = check_config(&folder, change);
        run.refused(words);
        let found = run.json()["error"]["place"].as_str().unwrap().to_owned();
        assert!(found.ends_with(place), "{place}: {run:?}");
    };
    let replace = |from: &'static str, to: &'static str| move |text: String| text.replace(from, to);
    refused(&replace("jobs = 9", "jobs = 0"), "city.toml, line 5, column 8", &["jobs = 0: expected 1 to 65536"]);
    refused(&replace("jobs", "jbos"), "city.toml, line 5, column 1", &["unknown field `jbos`", "`jobs_per_tenant`"]);
    refused(
        &replace("jobs = 9", "jobs = 9\njobs_per_tenant = 10"),
        "city.toml, line 4, column 1",
        &["at most 9", "`jobs`"],
    );
    refused(&replace("server.pem", "client-parks.key"), "client-parks.key", &["a certificate in PEM"]);
    refused(&replace("ca.pem", "missing.pem"), "missing.pem", &["No such file"]);
    refused(&replace("auditor.key", "tokens"), "tokens", &["secret key"]);
    let without_tls = |text: String| {
        let (head, rest) = text.split_once("[tls]").unwrap();
        format!("{head}[[tenant]]{}", rest.split_once("[[tenant]]").unwrap().1)
    };
    refused(&without_tls, "city.toml", &["refusing to listen on 0.0.0.0:50051", "lacks TLS"]);
    let tokens = fs::read_to_string(folder.path().join("tokens")).unwrap();
    folder.file("tokens", format!("# a comment\n{}", tokens.replace("parks", "roads")));
    refused(&|text| text, "tokens", &["line 2", "roads"]);
}

#[test]
fn printed_settings_are_a_configuration_with_the_same_meaning_and_show_no_secret() {
    let folder = Folder::new();
    let [_, _, config] = configured(&folder, |text| text);
    let flags = ["--listen", "127.0.0.1:7", "--lame-duck", "1.5", "--device", "cpu"];
    let print = |config: &str, more: &[&str]| {
        let run = cityseal(&[&["config", "print", "--config", config], more].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run
    };
    let printed = print(&config, &flags).stdout;
    for line in ["listen = \"127.0.0.1:7\"", "# --listen", "jobs_per_tenant = 9", "# line 5", "# default"] {
        assert!(printed.contains(line), "`{line}` is not in {printed}");
    }
    // Printed again, everything comes from the file and has the same values.
    let again = folder.file("again.toml", &printed);
    let values = |config: &str, more: &[&str]| {
        let answer = print(config, &[more, &["--json"]].concat()).json();
        common::schemas::check_is_exact("config-print", &answer);
        let rows = answer["settings"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| (row["tenant"].clone(), row["key"].clone(), row["value"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again, &[]), values(&config, &flags));
    for secret in ["pki/server.key", "auditor.key", "parks.token", "tokens"] {
        let text = fs::read_to_string(folder.path().join(secret)).unwrap();
        let longest = text.split_whitespace().max_by_key(|word| word.len()).unwrap();
        assert!(longest.len() > 30 && !printed.contains(longest), "{secret}: {printed}");
    }
}
