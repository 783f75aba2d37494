use super::{USERS, UserSide};
use crate::IdMap;
use crate::dataset::Histories;
use crate::model::{ModelError, ModelFile, UserPageRef};

impl UserSide {
    /// The files of the user side without some users; `None` if none of them is there.
    pub fn without(
        &self,
        files: &[ModelFile],
        gone: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<ModelFile>>, ModelError> {
        let file = files.iter().find(|file| file.name == USERS).ok_or_else(|| ModelError::Missing(USERS.into()))?;
        let (mut ids, mut n_gone) = (IdMap::default(), 0);
        let (mut offsets, mut items, mut timestamp_s) = (vec![0], Vec::new(), Vec::new());
        let mut states: Vec<Vec<u8>> = Vec::new();
        for page in &self.pages {
            let range = page.begin as usize..page.end as usize;
            let content = file.content.get(range).map(|content| file.content.slice_ref(content));
            let content = content.ok_or_else(|| ModelError::damaged(USERS, "a page is outside the file"))?;
            let page = UserPageRef { file: self.file.clone(), range: page.begin..page.end };
            let page = self.open(&page, content)?;
            for (id, events) in page.users() {
                let id = std::str::from_utf8(id).map_err(|error| ModelError::damaged(USERS, error))?;
                if gone(id) {
                    n_gone += 1;
                    continue;
                }
                ids.insert(id).ok_or_else(|| ModelError::damaged(USERS, "too many users"))?;
                states.extend(page.state(id).map(<[u8]>::to_vec));
                items.extend(events.iter().map(|event| event.item));
                timestamp_s.extend(events.iter().map(|event| event.timestamp_s));
                offsets.push(items.len());
            }
        }
        if n_gone == 0 {
            return Ok(None);
        }
        if offsets.len() != ids.len() + 1 {
            return Err(ModelError::damaged(USERS, "a user stands in it twice"));
        }
        // A recipe keeps a state of every user or of none.
        let states = (states.len() == ids.len()).then_some(states.as_slice());
        Self::write_with(&ids, &Histories::new(offsets, items, timestamp_s), usize::MAX, states).map(Some)
    }
}
