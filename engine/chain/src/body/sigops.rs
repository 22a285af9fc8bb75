//! Counts the signature checks of a script the legacy way (Bitcoin Core: `CScript::GetSigOpCount` with `fAccurate`
//! false): from its own text, without the outputs that the transaction spends.

const PUSHDATA1: u8 = 0x4c;
const PUSHDATA2: u8 = 0x4d;
const PUSHDATA4: u8 = 0x4e;
const CHECKSIG: u8 = 0xac;
const CHECKSIGVERIFY: u8 = 0xad;
const CHECKMULTISIG: u8 = 0xae;
const CHECKMULTISIGVERIFY: u8 = 0xaf;

/// The count of a multi-signature check, however many keys it names (`MAX_PUBKEYS_PER_MULTISIG`).
const KEYS_MAX: u32 = 20;

/// Counts the signature checks in a script. Counting stops at a push beyond the script's end.
#[inline]
pub(super) fn legacy_sigops(script: &[u8]) -> u32 {
    of_usual_script(script).unwrap_or_else(|| of_any_script(script))
}

/// Counts for the kinds of scripts of nearly all outputs, recognised by their length and first bytes.
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

/// Bytes taken by a push with a length field of `N` bytes: the field and the data.
fn length<const N: usize>(after: &[u8]) -> Option<usize> {
    let digits = after.first_chunk::<N>()?;
    Some(N + digits.iter().rev().fold(0, |length, &digit| length << 8 | usize::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_check_counts_one_and_a_multi_signature_check_twenty() {
        assert_eq!(legacy_sigops(&[CHECKSIG, CHECKSIGVERIFY]), 2);
        assert_eq!(legacy_sigops(&[0x52, CHECKMULTISIG, CHECKMULTISIGVERIFY]), 40);
        assert_eq!(legacy_sigops(&[]), 0);
    }

    #[test]
    fn pushed_data_is_not_counted() {
        for push in [&[2][..], &[PUSHDATA1, 2], &[PUSHDATA2, 2, 0], &[PUSHDATA4, 2, 0, 0, 0]] {
            assert_eq!(legacy_sigops(&[push, &[CHECKSIG; 3]].concat()), 1, "{push:?}");
        }
    }

    #[test]
    fn counting_stops_at_a_push_beyond_the_end() {
        assert_eq!(legacy_sigops(&[CHECKSIG, 3, CHECKSIG, CHECKSIG]), 1);
        assert_eq!(legacy_sigops(&[CHECKSIG, 2, CHECKSIG, CHECKSIG]), 1);
        assert_eq!(legacy_sigops(&[CHECKSIG, PUSHDATA2, CHECKSIG]), 1, "the length field itself is cut short");
        assert_eq!(legacy_sigops(&[CHECKSIG, PUSHDATA4, 0xff, 0xff, 0xff, 0xff, CHECKSIG]), 1);
    }

    proptest! {
        #[test]
        fn the_fast_path_for_usual_scripts_equals_the_full_count(
            head in prop::sample::select(
                vec![vec![0x76, 0xa9, 20], vec![0, 20], vec![0xa9, 20], vec![0x51, 32], vec![0, 32]],
            ),
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
