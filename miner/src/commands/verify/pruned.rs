//! Explains a set of blocks whose first block is missing, which is usually the folder of a pruned node.

use cityseal_chain::body::{ParsedBlock, coinbase_height_script};
use cityseal_chain::header_tree::{HeaderTree, Root};
use cityseal_chain::{BlockHash, BlockHeader};
use cityseal_hash::{HEADER_LEN, double_sha256};
use cityseal_input::BlockSet;

use super::Run;
use super::error::VerifyCommandError;

/// Names the lowest block of the heaviest chain in the set, and the flag that starts the verification there.
pub(super) fn no_first_block(run: &Run<'_>, set: &BlockSet) -> Result<String, VerifyCommandError> {
    let height = run.args.start_height;
    let wanted = if height == 0 {
        format!("the genesis block of {}", run.parameters.name())
    } else {
        format!("a block at height {height}, after the last trusted header,")
    };
    let Some(lowest) = lowest_of_heaviest(run, set) else {
        return Ok(format!("{wanted} is not in the input, nor is any other block that satisfies R01 to R05"));
    };
    let (header, place) = (set.header(lowest), set.place(lowest));
    let (hash, parent) = (header.hash(), header.prev_block_hash);
    let found = format!(
        "{wanted} is not in the input; the lowest block of its heaviest chain is {hash} ({} at byte {}), whose parent \
         {parent} is missing too",
        place.path.display(),
        place.at
    );
    Ok(format!("{found}. {}", advice(hash, coinbase_height(set, lowest)?)))
}

fn advice(hash: BlockHash, height: Option<u64>) -> String {
    match height {
        Some(height) => format!(
            "A pruned node keeps only its last blocks: start at this one with --start-height {height}, the height in \
             its coinbase"
        ),
        None => format!(
            "A pruned node keeps only its last blocks: start at this one with --start-height HEIGHT; to get its height \
             from the node, run `bitcoin-cli getblockheader {hash}`"
        ),
    }
}

fn lowest_of_heaviest(run: &Run<'_>, set: &BlockSet) -> Option<u32> {
    let count = set.tree().len() as u32;
    let headers: Vec<u8> = (0..count).flat_map(|index| set.header(index).to_wire()).collect();
    let hashes = headers.as_chunks::<HEADER_LEN>().0.iter().map(|header| double_sha256(header)).collect();
    let tree = HeaderTree::build(run.parameters, Root::Heaviest { height: 0 }, &headers, hashes);
    tree.best().first().copied()
}

/// The height at the start of a block's coinbase script (BIP34), if the block's version requires one.
fn coinbase_height(set: &BlockSet, index: u32) -> Result<Option<u64>, VerifyCommandError> {
    if !set.has_bodies() {
        return Ok(None);
    }
    let block = set.read_block(index)?;
    let version = block.first_chunk().map(BlockHeader::from_wire).map_or(0, |header| header.version);
    let Ok(parsed) = ParsedBlock::parse(&block) else { return Ok(None) };
    let coinbase = parsed.transactions().first().map(|transaction| transaction.whole(&block));
    Ok(coinbase.filter(|_| version >= 2).and_then(height_in))
}

/// The number at the start of the script of a transaction's first input, encoded as scripts encode heights.
fn height_in(transaction: &[u8]) -> Option<u64> {
    // Version, the two bytes of BIP144 if there are witnesses, a count of one input, the output that it spends.
    let marker = if transaction.get(4..6)? == [0, 1] { 2 } else { 0 };
    let script = transaction.get(4 + marker + 1 + 36..)?;
    let len = usize::from(*script.first()?);
    let script = script.get(1..1 + len)?;
    let height = match *script.first()? {
        0 => 0,
        small @ 0x51..=0x60 => u64::from(small - 0x50),
        bytes @ 1..=4 => {
            let mut height = [0; 8];
            let written = script.get(1..1 + usize::from(bytes))?;
            height[..written.len()].copy_from_slice(written);
            u64::from_le_bytes(height)
        }
        _ => return None,
    };
    script.starts_with(coinbase_height_script(height).as_bytes()).then_some(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coinbase(script: &[u8], marker: &[u8]) -> Vec<u8> {
        [&[1, 0, 0, 0][..], marker, &[1], &[0; 32], &[0xff; 4], &[script.len() as u8], script, &[0xff; 4]].concat()
    }

    #[test]
    fn reads_heights_as_scripts_encode_them_and_nothing_else() {
        for height in [0, 1, 16, 17, 127, 128, 255, 256, 32_768, 840_000] {
            let script = [coinbase_height_script(height).as_bytes(), b"/pool/"].concat();
            assert_eq!(height_in(&coinbase(&script, &[])), Some(height));
            assert_eq!(height_in(&coinbase(&script, &[0, 1])), Some(height));
        }
        for script in [&b"/pool/"[..], &[], &[2, 5, 0], &[3, 1], &[5, 1, 2, 3, 4, 5]] {
            assert_eq!(height_in(&coinbase(script, &[])), None, "{script:?}");
        }
        assert_eq!(height_in(&[1, 0, 0, 0]), None);
    }
}
