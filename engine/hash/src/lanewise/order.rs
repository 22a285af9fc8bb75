//! The order in which messages are hashed: those with more blocks first, so that the lanes end together and no long
//! message is left for the end. Messages with equally many blocks keep the caller's order, which is likely their order
//! in memory.

use core::cmp::Reverse;

use crate::message_blocks;
use crate::messages::Treatment;

/// Messages of at least this many blocks are sorted by comparison; there is at most one of them in 16 KiB of input.
const MANY: usize = 256;

/// The indices of the messages, those with more blocks first. Shorter messages than [`MANY`] blocks take a counting
/// sort.
///
/// # Panics
/// If there are 2^32 messages or more.
pub(crate) fn by_blocks(messages: &[&[u8]], treatment: Treatment) -> Vec<u32> {
    let count = u32::try_from(messages.len()).expect("fewer than 2^32 messages");
    let class = |index: u32| MANY - message_blocks(treatment.prefix().len() + messages[index as usize].len()).min(MANY);
    let mut places = [0; MANY];
    for index in 0..count {
        places[class(index)] += 1;
    }
    let many = places[0];
    let mut next = 0;
    for place in &mut places {
        next += core::mem::replace(place, next);
    }
    let mut order = vec![0; messages.len()];
    for index in 0..count {
        let place = &mut places[class(index)];
        order[*place] = index;
        *place += 1;
    }
    order[..many].sort_by_key(|index| Reverse(messages[*index as usize].len()));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_messages_come_first_and_equally_long_ones_keep_their_order() {
        let bytes = vec![0; 64 * 400];
        let lengths = [1, 0, 64 * 254, 64 * 255, 64 * 300, 56, 55, 64 * 299, 119, 64 * 254 + 56, 64 * 400];
        let messages = lengths.map(|len| &bytes[..len]);
        let order = by_blocks(&messages, Treatment::Twice);
        let sorted: Vec<usize> = order.iter().map(|index| lengths[*index as usize]).collect();
        assert_eq!(sorted, [64 * 400, 64 * 300, 64 * 299, 64 * 255, 64 * 254 + 56, 64 * 254, 56, 119, 1, 0, 55]);
        assert!(by_blocks(&[], Treatment::Twice).is_empty());
    }

    #[test]
    fn the_prefix_counts_towards_the_length() {
        let bytes = [0; 64];
        let order = by_blocks(&[&bytes[..54], &bytes[..55]], Treatment::Leaf);
        assert_eq!(order, [1, 0]);
    }
}
