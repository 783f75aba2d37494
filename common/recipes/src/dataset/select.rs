use super::Selection;

/// Which events of one type are learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    None,
    All,
    /// Those with at least this EVENT_VALUE.
    From(f64),
}

impl Wanted {
    /// `value` is NaN if there is none.
    pub fn takes(self, value: f32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::From(least) => f64::from(value) >= least,
        }
    }
}

impl Selection {
    /// Which events of a type are wanted; `None`: of those without a type.
    pub(super) fn wants(&self, event_type: Option<&str>) -> Wanted {
        let is = |wanted: &String| event_type.is_some_and(|name| name.to_lowercase() == wanted.to_lowercase());
        let choice = self.events.iter().find(|choice| is(&choice.event_type));
        if self.event_type.as_ref().is_some_and(|wanted| !is(wanted)) || choice.is_none() && !self.events.is_empty() {
            return Wanted::None;
        }
        let own = choice.and_then(|choice| choice.event_value_threshold);
        match (self.event_value_threshold, own) {
            (Some(a), Some(b)) => Wanted::From(a.max(b)),
            (Some(least), None) | (None, Some(least)) => Wanted::From(least),
            (None, None) => Wanted::All,
        }
    }

    /// The types that are selected, as text; empty if that is all.
    pub(super) fn event_types(&self) -> String {
        let several = self.events.iter().map(|choice| &choice.event_type);
        self.event_type.iter().chain(several).map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}
