//! What is kept of each flow, by its id.
//!
//! Ids ascend and are never given again, but a recording of a week must not grow with each of them. So what is kept
//! stands in pages of [`PAGE`] flows: one of which nothing is kept any more takes no memory. An old flow that lives on
//! holds its own page, and a pointer for each that came after it: 32 bytes for a thousand flows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Flow, FlowId, Place, Summary};

/// What is kept of each flow.
#[derive(Clone, Default, Debug)]
pub(super) struct Slots {
    /// From the first one of which anything is kept.
    pages: VecDeque<Option<Box<Page>>>,
    /// How many pages were before those.
    before: usize,
    /// How many flows there were.
    len: usize,
}

/// What is in memory of a flow.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// All of it.
    Whole(Arc<Flow>),
    /// Its summary.
    Brief(Arc<Summary>),
    /// Nothing any more.
    Gone,
}

/// Flows of neighbouring ids; each member has as many entries as there are flows.
#[derive(Clone, Debug)]
struct Page {
    slots: Vec<Slot>,
    /// Where each flow's line stands, once it does.
    places: Vec<Option<Place>>,
    /// Each flow's revision, close together so that what changed is found fast.
    revisions: Vec<u64>,
    /// The greatest of them.
    revision: u64,
    /// How many slots are gone.
    gone: usize,
}

impl Slots {
    /// How many flows there were.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Keeps another flow; its id is [`Slots::len`] before.
    pub(super) fn push(&mut self, slot: Slot, place: Option<Place>, revision: u64) {
        if self.len.is_multiple_of(PAGE) {
            self.pages.push_back(Some(Box::new(Page::new())));
        }
        self.len += 1;
        if let Some(Some(page)) = self.pages.back_mut() {
            page.slots.push(slot);
            page.places.push(place);
            page.revisions.push(revision);
            page.revision = revision;
        }
    }

    /// What is kept of a flow; `None` where that is nothing.
    pub(super) fn get(&self, id: FlowId) -> Option<&Slot> {
        let (page, at) = self.page(id)?;
        Some(&page.slots[at])
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut Slot> {
        let (page, at) = self.page_mut(id)?;
        Some(&mut page.slots[at])
    }

    /// Where the flow's line stands.
    pub(super) fn place(&self, id: FlowId) -> Option<Place> {
        let (page, at) = self.page(id)?;
        page.places[at]
    }

    /// The same, to be changed; `None` where nothing is kept of the flow.
    pub(super) fn place_mut(&mut self, id: FlowId) -> Option<&mut Option<Place>> {
        let (page, at) = self.page_mut(id)?;
        Some(&mut page.places[at])
    }

    /// Takes note of the flow's latest revision, which is greater than all before.
    pub(super) fn revise(&mut self, id: FlowId, revision: u64) {
        if let Some((page, at)) = self.page_mut(id) {
            page.revisions[at] = revision;
            page.revision = revision;
        }
    }

    /// Keeps nothing of a flow any more.
    pub(super) fn remove(&mut self, id: FlowId) {
        let Some((page, at)) = self.page_mut(id) else {
            return;
        };
        page.slots[at] = Slot::Gone;
        page.gone += 1;
        if page.gone == PAGE {
            let number = id.0 as usize / PAGE - self.before;
            self.pages[number] = None;
            while let Some(None) = self.pages.front() {
                self.pages.pop_front();
                self.before += 1;
            }
        }
    }

    /// What is kept of all flows, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pages.iter().flatten().flat_map(|page| &page.slots)
    }

    /// The same of those whose revision is greater.
    pub(super) fn since(&self, revision: u64) -> impl Iterator<Item = &Slot> {
        let pages = self.pages.iter().flatten();
        pages
            .filter(move |page| page.revision > revision)
            .flat_map(|page| page.revisions.iter().zip(&page.slots))
            .filter(move |(own, _)| **own > revision)
            .map(|(_, slot)| slot)
    }

    /// The page of a flow of which anything is kept, and the flow's place in it.
    fn page(&self, id: FlowId) -> Option<(&Page, usize)> {
        let id = id.0 as usize;
        let page = self.pages.get((id / PAGE).checked_sub(self.before)?)?;
        let page = page.as_ref()?;
        page.has(id % PAGE).then_some((page, id % PAGE))
    }

    /// The same, to be changed.
    fn page_mut(&mut self, id: FlowId) -> Option<(&mut Page, usize)> {
        let id = id.0 as usize;
        let page = self.pages.get_mut((id / PAGE).checked_sub(self.before)?)?;
        let page = page.as_mut()?;
        page.has(id % PAGE).then_some((page, id % PAGE))
    }
}

impl Slot {
    /// The flow, if it is in memory as a whole.
    pub(super) fn whole(&self) -> Option<&Flow> {
        match self {
            Self::Whole(flow) => Some(flow),
            Self::Brief(_) | Self::Gone => None,
        }
    }
}

impl Page {
    fn new() -> Self {
        Self {
            slots: Vec::with_capacity(PAGE),
            places: Vec::with_capacity(PAGE),
            revisions: Vec::with_capacity(PAGE),
            revision: 0,
            gone: 0,
        }
    }

    /// Whether anything is kept of a flow.
    fn has(&self, at: usize) -> bool {
        !matches!(self.slots.get(at), None | Some(Slot::Gone))
    }
}

/// Flows of a page.
const PAGE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::At;

    fn slot(number: usize) -> Slot {
        let flow = Flow::new(number.to_string(), String::new(), "".into(), At::default());
        Slot::Whole(Arc::new(flow))
    }

    /// The names of what is kept.
    fn names<'a>(slots: impl Iterator<Item = &'a Slot>) -> Vec<String> {
        let names = slots.filter_map(|slot| Some(slot.whole()?.name.clone()));
        names.collect()
    }

    #[test]
    fn pages_of_which_nothing_is_kept_are_gone_and_ids_go_on() {
        let mut slots = Slots::default();
        let old = FlowId(1);
        for number in 0..PAGE * 10 {
            slots.push(slot(number), None, number as u64 + 1);
            let id = FlowId(number as u32);
            if id != old {
                slots.remove(id);
                assert!(slots.get(id).is_none() && slots.place_mut(id).is_none());
            }
        }
        assert_eq!(slots.len(), PAGE * 10);
        assert_eq!(slots.pages.iter().flatten().count(), 1);
        assert_eq!(names(slots.iter()), ["1"]);
        slots.remove(old);
        slots.remove(old);
        assert!(slots.pages.is_empty());
        slots.push(slot(PAGE * 10), None, 9999);
        let id = FlowId(PAGE as u32 * 10);
        assert_eq!(names(slots.get(id).into_iter()), [id.0.to_string()]);
        assert!(slots.get(FlowId(id.0 + 1)).is_none());
    }

    #[test]
    fn what_changed_is_found_in_every_page() {
        let mut slots = Slots::default();
        for number in 0..PAGE * 3 {
            slots.push(slot(number), None, 1);
        }
        slots.revise(FlowId(7), 2);
        slots.revise(FlowId(PAGE as u32 * 2), 3);
        let last = (PAGE * 2).to_string();
        assert_eq!(names(slots.since(1)), ["7", &last]);
        assert_eq!(names(slots.since(2)), [last]);
        assert_eq!(names(slots.since(3)), [""; 0]);
    }
}
