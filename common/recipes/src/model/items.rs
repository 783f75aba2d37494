use bytes::Bytes;

use super::{ModelError, ModelFile};
use crate::IdMap;
use crate::parts::{Column, ColumnType, Part, PartBuilder, PartError};
use crate::popularity::Popular;

/// `items.parquet`: the item ids by row, and how many users interacted with each.
pub struct ItemSide {
    pub ids: IdMap,
    pub popular: Popular,
}

const NAME: &str = "items.parquet";
const ITEM_ID: &str = "ITEM_ID";
const N_USERS: &str = "N_USERS";

impl ItemSide {
    pub fn write(ids: &IdMap, popular: &Popular) -> Result<ModelFile, ModelError> {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut part = PartBuilder::new(&[column(ITEM_ID, ColumnType::String), column(N_USERS, ColumnType::Long)]);
        for (id, n_users) in ids.iter().zip(popular.n_users()) {
            part.push_str(0, id);
            part.push_long(1, i64::from(*n_users));
        }
        Ok(ModelFile { name: NAME.into(), content: part.finish().map_err(damaged)?, paged: false })
    }

    pub fn read(contents: &super::Contents) -> Result<Self, ModelError> {
        let content: Bytes = contents.file(NAME)?.clone();
        let part = Part::open(content).map_err(damaged)?;
        let column = part.strings(ITEM_ID).map_err(damaged)?;
        let ids: IdMap = (0..part.n_rows()).filter_map(|row| column.get(row)).collect();
        let n_users = part.longs(N_USERS).map_err(damaged)?.values;
        let n_users: Result<Vec<u32>, _> = n_users.into_iter().map(u32::try_from).collect();
        let n_users = n_users.map_err(|_| ModelError::damaged(NAME, "an impossible number of users"))?;
        if ids.len() != contents.manifest.n_items || ids.len() != n_users.len() {
            return Err(ModelError::damaged(NAME, "it does not have as many distinct ids as items"));
        }
        Ok(Self { ids, popular: Popular::new(n_users) })
    }
}

fn damaged(error: PartError) -> ModelError {
    ModelError::damaged(NAME, error)
}
