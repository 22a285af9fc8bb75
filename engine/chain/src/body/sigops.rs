//! Counts the signature checks that a script asks for, the old way (Bitcoin Core: `CScript::GetSigOpCount` with
//! `fAccurate` false): by its text alone, without the outputs that it spends.

const PUSHDATA1: u8 = 0x4c;
const PUSHDATA2: u8 = 0x4d;
const PUSHDATA4: u8 = 0x4e;
const CHECKSIG: u8 = 0xac;
const CHECKSIGVERIFY: u8 = 0xad;
const CHECKMULTISIG: u8 = 0xae;
const CHECKMULTISIGVERIFY: u8 = 0xaf;

/// What a multiple check counts for, however many keys it names (`MAX_PUBKEYS_PER_MULTISIG`).
const KEYS_MAX: u32 = 20;

/// The signature checks in a script. Counting ends where a push reaches past the script's end.
#[inline]
pub(super) fn legacy_sigops(script: &[u8]) -> u32 {
    of_usual_script(script).unwrap_or_else(|| of_any_script(script))
}

/// The four kinds of scripts that make up nearly all outputs, by their length and first bytes.
#[inline]
fn of_usual_script(script: &[u8]) -> Option<u32> {
    match script {
        [0x76, 0xa9, 20, .., 0x88, CHECKSIG] if script.len() == 25 => Some(1),
        [0x00, 20, ..] if script.len() == 22 => Some(0),
        [0xa9, 20, .., 0x87] if script.len() == 23 => Some(0),
        [0x00 | 0x51, 32, ..] if script.len() == 34 => Some(0),
        [] => Some(0),
        _ => None,
    }
}

fn of_any_script(script: &[u8]) -> u32 {
    let (mut rest, mut count) = (script, 0);
    while let Some((&op, after)) = rest.split_first() {
        let pushed = match op {
            1..PUSHDATA1 => Some(usize::from(op)),
            PUSHDATA1 => length::<1>(after),
            PUSHDATA2 => length::<2>(after),
            PUSHDATA4 => length::<4>(after),
            _ => {
                count += checks_of(op);
                Some(0)
            }
        };
        let Some(next) = pushed.and_then(|pushed| after.get(pushed..)) else { break };
        rest = next;
    }
    count
}

#[inline]
const fn checks_of(op: u8) -> u32 {
    match op {
        CHECKSIG | CHECKSIGVERIFY => 1,
        CHECKMULTISIG | CHECKMULTISIGVERIFY => KEYS_MAX,
        _ => 0,
    }
}

/// A push of `N` bytes of length: those bytes and what they announce.
fn length<const N: usize>(after: &[u8]) -> Option<usize> {
    let digits = after.first_chunk::<N>()?;
    Some(N + digits.iter().rev().fold(0, |length, &digit| length << 8 | usize::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checks_count_for_one_and_multiple_checks_for_twenty() {
        assert_eq!(legacy_sigops(&[CHECKSIG, CHECKSIGVERIFY]), 2);
        assert_eq!(legacy_sigops(&[0x52, CHECKMULTISIG, CHECKMULTISIGVERIFY]), 40);
        assert_eq!(legacy_sigops(&[]), 0);
    }

    #[test]
    fn what_is_pushed_is_not_counted() {
        for push in [&[2][..], &[PUSHDATA1, 2], &[PUSHDATA2, 2, 0], &[PUSHDATA4, 2, 0, 0, 0]] {
            assert_eq!(legacy_sigops(&[push, &[CHECKSIG; 3]].concat()), 1, "{push:?}");
        }
    }

    #[test]
    fn counting_ends_at_a_push_past_the_end() {
        assert_eq!(legacy_sigops(&[CHECKSIG, 3, CHECKSIG, CHECKSIG]), 1);
        assert_eq!(legacy_sigops(&[CHECKSIG, 2, CHECKSIG, CHECKSIG]), 1);
        assert_eq!(legacy_sigops(&[CHECKSIG, PUSHDATA2, CHECKSIG]), 1, "the length itself is cut");
        assert_eq!(legacy_sigops(&[CHECKSIG, PUSHDATA4, 0xff, 0xff, 0xff, 0xff, CHECKSIG]), 1);
    }

    proptest! {
        #[test]
        fn the_short_cut_for_usual_scripts_says_what_the_count_says(
            head in prop::sample::select(vec![vec![0x76, 0xa9, 20], vec![0, 20], vec![0xa9, 20], vec![0x51, 32], vec![0, 32]]),
            tail in prop::sample::select(vec![vec![0x88, CHECKSIG], vec![0x87], vec![CHECKSIG], vec![]]),
            len in 20usize..36,
            fill in any::<u8>(),
        ) {
            let mut script = vec![fill; len];
            script[..head.len()].copy_from_slice(&head);
            script[len - tail.len()..].copy_from_slice(&tail);
            prop_assert_eq!(legacy_sigops(&script), of_any_script(&script));
        }
    }
}
