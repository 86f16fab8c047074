//! Writing an index as a file: what was stored and what has grown, as one.

use std::collections::{BTreeMap, BTreeSet};

use super::stored::{MAGIC, SECTIONS, Stored, VERSION};
use super::{IndexOf, IndexedFrame, SegmentIndex};
use crate::event::Seq;
use crate::format::bytes::narrow;
use crate::format::checksum;
use crate::format::packed::put_packed;

impl SegmentIndex {
    /// The index as it is stored. Deterministic: the same frames give the same bytes.
    pub fn encode(&self, of: &IndexOf) -> Vec<u8> {
        let mut sections: Vec<Vec<u8>> = Vec::with_capacity(SECTIONS);
        let frames = &self.frames;
        let of_frames = |number: fn(&IndexedFrame) -> u64| {
            packed(&frames.iter().map(number).collect::<Vec<_>>())
        };
        sections.push(of_frames(|frame| frame.offset));
        sections.push(of_frames(|frame| u64::from(frame.count)));
        sections.push(of_frames(|frame| frame.earliest.cast_unsigned()));
        sections
            .push(of_frames(|frame| frame.latest.saturating_sub(frame.earliest).cast_unsigned()));
        let actors = self.put_actors(&mut sections);
        let correlations = self.put_correlations(&mut sections);
        let mut ids: Vec<u32> = self.grown.fingerprints().collect();
        ids.extend(self.stored.iter().flat_map(Stored::fingerprints));
        ids.sort_unstable();
        ids.dedup();
        sections.push(ids.iter().flat_map(|id| id.to_le_bytes()).collect());
        let counts = [frames.len(), actors, correlations, ids.len()];
        assemble(of, counts, &sections)
    }

    fn put_actors(&self, sections: &mut Vec<Vec<u8>>) -> usize {
        let runs: BTreeMap<&str, (Seq, Seq)> =
            self.actors().map(|(actor, first, last)| (actor, (first, last))).collect();
        let (mut names, mut ends, mut firsts, mut totals) = (Vec::new(), vec![], vec![], vec![]);
        let (mut starts, mut posting_frames, mut posting_counts) = (vec![0], vec![], vec![]);
        for (actor, (first, last)) in &runs {
            names.extend_from_slice(actor.as_bytes());
            ends.push(wide(names.len()));
            firsts.push(first.get());
            totals.push(last.next().get().saturating_sub(first.get()));
            for posting in self.postings_of(actor) {
                posting_frames.push(u64::from(posting.frame));
                posting_counts.push(u64::from(posting.count));
            }
            starts.push(wide(posting_frames.len()));
        }
        sections.push(names);
        for numbers in [ends, firsts, totals, starts, posting_frames, posting_counts] {
            sections.push(packed(&numbers));
        }
        runs.len()
    }

    fn put_correlations(&self, sections: &mut Vec<Vec<u8>>) -> usize {
        let stored = self.stored.iter().flat_map(Stored::correlations);
        let hashes: BTreeSet<u64> = stored.chain(self.grown.correlations()).collect();
        let (mut starts, mut all) = (vec![0], Vec::new());
        for hash in &hashes {
            if let Some(stored) = &self.stored {
                all.extend(stored.frames_of_correlation(*hash));
            }
            self.grown.add_frames_of_correlation(*hash, &mut all);
            starts.push(wide(all.len()));
        }
        sections.push(hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect());
        sections.push(packed(&starts));
        sections.push(packed(&all.into_iter().map(u64::from).collect::<Vec<_>>()));
        hashes.len()
    }
}

fn assemble(of: &IndexOf, counts: [usize; 4], sections: &[Vec<u8>]) -> Vec<u8> {
    debug_assert_eq!(sections.len(), SECTIONS, "the number is part of the format");
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&of.log_id.to_le_bytes());
    out.extend_from_slice(&of.generation.to_le_bytes());
    out.extend_from_slice(&of.chain.to_le_bytes());
    out.extend_from_slice(&of.first.get().to_le_bytes());
    out.extend_from_slice(&of.end.get().to_le_bytes());
    out.extend_from_slice(&of.offset.to_le_bytes());
    for count in counts.into_iter().chain(sections.iter().map(Vec::len)) {
        out.extend_from_slice(&narrow(count).to_le_bytes());
    }
    for section in sections {
        out.extend_from_slice(section);
    }
    let crc = checksum(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn packed(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_packed(numbers, &mut out);
    out
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
