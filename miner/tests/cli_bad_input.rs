//! Bad input gives a clear message that names the place, exit code 2, and no panic.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{Folder, GENESIS, city, cityseal, cityseal_with_stdin, command};

#[test]
fn a_header_of_the_wrong_length_is_refused_with_the_length_found() {
    cityseal(&["seal", "--header", &GENESIS[..158]]).refused(&["--header", "160", "158"]);
}

#[test]
fn a_header_with_a_bad_digit_is_refused_with_its_position() {
    let header = format!("{}g{}", &GENESIS[..41], &GENESIS[42..]);
    cityseal(&["seal", "--header", &header]).refused(&["--header", "'g'", "42"]);
}

#[test]
fn a_backward_range_is_refused_with_both_ends() {
    cityseal(&["seal", "--header", GENESIS, "--nonces", "9..=8"]).refused(&["--nonces", "backwards", "9", "8"]);
}

#[test]
fn a_target_of_zero_is_refused_in_both_notations() {
    for target in ["00000000", &"0".repeat(64)] {
        cityseal(&["seal", "--header", GENESIS, "--target", target]).refused(&["--target", "zero"]);
    }
}

#[test]
fn a_header_with_invalid_bits_is_refused_unless_a_target_is_given() {
    let header = format!("{}00000000{}", &GENESIS[..144], &GENESIS[152..]);
    cityseal(&["seal", "--device", "cpu", "--header", &header]).refused(&["00000000"]);
    let ones = "f".repeat(64);
    let run = cityseal(&["seal", "--device", "cpu", "--header", &header, "--target", &ones, "--nonces", "0..=0"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_mask_that_rolls_the_top_bits_of_the_version_is_refused_on_the_command_line_and_in_a_file() {
    let folder = Folder::new();
    for mask in ["20000000", "40000000", "80000000", "3fffe000"] {
        let run = cityseal(&["seal", "--device", "cpu", "--header", GENESIS, "--version-mask", mask]);
        run.refused(&["--version-mask", mask, "bits 29 to 31", "1fffe000 (BIP320)"]);
        let file = folder.file("job.json", format!(r#"{{"header":"{GENESIS}","version_mask":"{mask}"}}"#));
        let run = cityseal(&["seal", "--device", "cpu", "--template", &file]);
        run.refused(&["job.json", "version_mask", mask, "bits 29 to 31"]);
    }
    for mask in ["00000000", "1fffffff"] {
        let run = cityseal(&[
            "seal",
            "--device",
            "cpu",
            "--header",
            GENESIS,
            "--version-mask",
            mask,
            "--target",
            &"f".repeat(64),
        ]);
        assert_eq!(run.code, 0, "an old version may roll all other bits: {run:?}");
    }
}

#[test]
fn a_time_window_beyond_32_bits_is_refused() {
    cityseal(&["seal", "--device", "cpu", "--header", GENESIS, "--time-window", "4294967295"])
        .refused(&["time window"]);
}

#[test]
fn an_unknown_network_is_refused_with_the_known_names() {
    cityseal(&["verify", "-", "--network", "mainet"]).refused(&["mainet", "testnet4", "regtest"]);
}

#[test]
fn an_unknown_key_of_a_city_is_refused_with_file_line_and_key() {
    let folder = Folder::new();
    let path = folder.file("city.toml", city(1).0 + "dificulty = \"fixed\"\n");
    cityseal(&["verify", "-", "--network", &path]).refused(&["city.toml", "dificulty", "line 5"]);
}

#[test]
fn an_unknown_key_of_a_template_is_refused_with_file_and_key() {
    let folder = Folder::new();
    let path = folder.file("job.json", format!("{{\"header\": \"{GENESIS}\", \"nonce\": 1}}"));
    cityseal(&["seal", "--template", &path]).refused(&["job.json", "nonce"]);
}

#[test]
fn a_missing_file_is_named_for_every_argument() {
    for arguments in [
        &["verify", "nowhere.bin"][..],
        &["verify", "-", "--network", "nowhere.toml"],
        &["verify", "-", "--context", "nowhere.hdr"],
        &["seal", "--template", "nowhere.json"],
        &["devices", "--config", "nowhere.conf"],
    ] {
        cityseal(arguments).refused(&["nowhere."]);
    }
}

#[test]
fn an_empty_file_is_incomplete_with_its_reason() {
    cityseal_with_stdin(&["verify", "-", "--device", "cpu"], &[]).refused(&[]);
    let run = cityseal_with_stdin(&["verify", "-", "--device", "cpu"], &[]);
    assert!(run.stdout.contains("INCOMPLETE"), "{run:?}");
}

#[test]
fn a_line_of_the_wrong_length_is_refused_with_file_line_and_column() {
    let folder = Folder::new();
    let path = folder.file("short.hex", format!("{GENESIS}\n{}\n", &GENESIS[..150]));
    cityseal(&["verify", &path, "--device", "cpu"]).refused(&["short.hex", "line 2, column 151"]);
}

#[test]
fn a_missing_device_is_an_error_and_never_falls_back() {
    cityseal(&["devices", "--device", "warp-drive"]).refused(&["warp-drive", "cpu"]);
    cityseal(&["seal", "--header", GENESIS, "--device", "warp-drive"]).refused(&["warp-drive"]);
}

#[test]
fn an_unknown_kernel_is_refused_with_the_known_names() {
    cityseal(&["seal", "--header", GENESIS, "--kernel", "mmx"]).refused(&["mmx", "portable"]);
    let run = command(&["seal", "--header", GENESIS]).env("CITYSEAL_KERNEL", "mmx").output().unwrap();
    common::Run::from(run).refused(&["mmx", "portable"]);
}

#[test]
fn an_unknown_mode_is_a_usage_error() {
    cityseal(&["bench", "--mode", "signatures"]).refused(&["--mode", "signatures", "search-shared"]);
}

#[test]
fn an_address_beyond_loopback_and_a_port_in_use_are_refused() {
    cityseal(&["serve", "--device", "cpu", "--listen", "0.0.0.0:0"]).refused(&["0.0.0.0", "loopback"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    cityseal(&["serve", "--device", "cpu", "--listen", &address]).refused(&[&taken
        .local_addr()
        .unwrap()
        .port()
        .to_string()]);
}

#[test]
fn an_unknown_profile_is_refused_on_the_command_line_and_in_the_configuration_with_its_place() {
    cityseal(&["devices", "--profile", "turbo"]).refused(&["--profile", "turbo", "interactive"]);
    let folder = Folder::new();
    let bad = folder.file("bad.toml", "threads = 1\nprofile = \"turbo\"\n");
    cityseal(&["devices", "--config", &bad]).refused(&["bad.toml", "turbo", "interactive", "line 2"]);
}

#[test]
fn an_unknown_key_of_the_configuration_is_refused_and_a_known_one_is_used() {
    let folder = Folder::new();
    let bad = folder.file("bad.toml", "thread = 1\n");
    cityseal(&["devices", "--config", &bad]).refused(&["bad.toml", "thread", "line 1"]);
    let good = folder.file("good.toml", "kernel = \"portable\"\ndevice = \"cpu\"\nthreads = 1\n");
    let run = command(&["selftest", "--json"]).env("CITYSEAL_CONFIG", &good).output().unwrap();
    let answer = common::Run::from(run).json();
    assert_eq!((answer["rows"].as_array().unwrap().len(), &answer["rows"][0]["kernel"]), (1, &"portable".into()));
}

#[test]
fn help_and_version_exit_with_success() {
    for arguments in [&["--help"][..], &["seal", "--help"], &["--version"]] {
        let run = cityseal(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    }
    assert_eq!(cityseal(&[]).code, 2);
    assert_eq!(cityseal(&["mine"]).code, 2);
}

#[test]
fn an_invalid_log_filter_is_refused() {
    cityseal(&["devices", "--log", "cityseal=loudly"]).refused(&["--log", "cityseal=loudly"]);
}
