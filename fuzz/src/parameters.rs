//! Custom network parameters from TOML: accepted ones are consistent, and their digest depends only on their meaning.

use cityseal_chain::Parameters;

use crate::reference::is_at_most;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // The genesis header of regtest, which meets the easiest target.
    let genesis = "\
        0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
        67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";
    let start = format!("name = \"town\"\ngenesis = \"{genesis}\"\npow_limit = \"207fffff\"\n");
    let texts = [
        format!("{start}difficulty = \"fixed\"\n"),
        format!("{start}difficulty = \"bitcoin-2016\"\nfuture_limit_s = 60\nmerkle = \"rfc6962-sha256\"\n"),
        format!("{start}merkle = \"bitcoin\"\n[difficulty]\nkind = \"asert\"\nspacing_s = 600\nhalf_life_s = 172800\n"),
        format!("{start}difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 100\n"),
        format!("{start}difficulty = \"fixed\"\ncolour = \"red\"\n"),
        String::new(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(parameters) = Parameters::from_toml(text) else { return };
    let genesis = parameters.genesis();
    let target = genesis.bits.decode().expect("an accepted genesis has a target").to_display_hex();
    assert!(is_at_most(genesis.hash().as_bytes(), &target), "an accepted genesis meets its target");
    assert!(target <= parameters.pow_limit().to_display_hex(), "an accepted genesis has a target within the limit");
    let with_comment = format!("# a town\n{text}\n# the end\n");
    let again = Parameters::from_toml(&with_comment).expect("a comment changes nothing");
    assert_eq!(again.digest(), parameters.digest());
    assert_eq!(again, parameters);
}

#[test]
fn the_seeds_contain_accepted_and_refused_parameters() {
    let is_accepted = |seed: Vec<u8>| Parameters::from_toml(std::str::from_utf8(&seed).unwrap()).is_ok();
    let accepted: Vec<bool> = seeds().into_iter().map(is_accepted).collect();
    assert_eq!(accepted, [true, true, true, true, false, false]);
}
