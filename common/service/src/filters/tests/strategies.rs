//! Expressions at random, valid by construction.

use proptest::prelude::*;
use proptest::sample::select;

use crate::filters::ast::{Clause, Condition, DatasetName, Expression, Literal, Members, Op, Scalar, Target, Test};
use crate::filters::number::Number;

pub const TEXTS: [&str; 9] = ["a", "b", "c", "a|b", "b|a|c", "", "x y", "q\"uo,te", "back\\slash 映画"];
pub const NUMBERS: [Number; 9] = [
    Number::Int(-2),
    Number::Int(0),
    Number::Int(1),
    Number::Int(3),
    Number::Float(-0.5),
    Number::Float(0.1),
    Number::Float(0.5),
    Number::Float(1.0),
    Number::Float(2.5),
];
pub const EVENTS: [&str; 5] = ["click", "Click", "BUY", "other", "*"];

/// Fields of each row: two of text, three of numbers.
pub const TEXT_FIELDS: [&str; 2] = ["GENRE", "TITLE"];
pub const NUMBER_FIELDS: [&str; 3] = ["YEAR", "PRICE", "RATE"];

fn name(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(names).prop_map(str::to_owned)
}

fn op() -> impl Strategy<Value = Op> {
    select(&[Op::Equal, Op::NotEqual, Op::Less, Op::LessOrEqual, Op::Greater, Op::GreaterOrEqual][..])
}

fn text() -> impl Strategy<Value = Literal> {
    name(&TEXTS).prop_map(Literal::Text)
}

fn number() -> impl Strategy<Value = Literal> {
    let quoted = |number: Number| Literal::Text(number.to_string());
    (select(&NUMBERS[..]), any::<bool>())
        .prop_map(move |(number, in_quotes)| if in_quotes { quoted(number) } else { Literal::Number(number) })
}

fn listed(literal: impl Strategy<Value = Literal> + 'static) -> BoxedStrategy<Test> {
    (any::<bool>(), prop::collection::vec(literal, 1..4))
        .prop_map(|(not, literals)| Test::In { not, members: Members::Listed(literals) })
        .boxed()
}

/// Placeholders do not go with NOT IN.
fn in_parameter(names: &'static [&'static str]) -> BoxedStrategy<Test> {
    name(names).prop_map(|name| Test::In { not: false, members: Members::Parameter(name) }).boxed()
}

fn in_current(names: &'static [&'static str]) -> BoxedStrategy<Test> {
    (any::<bool>(), name(names)).prop_map(|(not, field)| Test::In { not, members: Members::CurrentItem(field) }).boxed()
}

fn compare(with: impl Strategy<Value = Scalar> + 'static) -> BoxedStrategy<Test> {
    (op(), with).prop_map(|(op, with)| Test::Compare { op, with }).boxed()
}

/// Parameters by what they stand for: G texts, N one number, M numbers, E event types, T one text.
fn on_fields(dataset: DatasetName) -> BoxedStrategy<Condition> {
    let mut of_text = vec![listed(text()), in_parameter(&["G1", "G2"])];
    let mut of_number = vec![
        listed(number()),
        in_parameter(&["M"]),
        compare(number().prop_map(Scalar::Literal)),
        compare(name(&["N1", "N2"]).prop_map(Scalar::Parameter)),
    ];
    if dataset == DatasetName::Items {
        of_text.push(in_current(&TEXT_FIELDS));
        of_number.push(in_current(&NUMBER_FIELDS));
        of_number.push(compare(name(&NUMBER_FIELDS).prop_map(Scalar::CurrentItem)));
    }
    let condition = move |(field, test)| Condition { dataset, field, test };
    prop_oneof![
        (name(&TEXT_FIELDS), prop::strategy::Union::new(of_text)).prop_map(condition),
        (name(&NUMBER_FIELDS), prop::strategy::Union::new(of_number)).prop_map(condition),
    ]
    .boxed()
}

fn on_events(dataset: DatasetName) -> BoxedStrategy<Condition> {
    let test = prop_oneof![listed(name(&EVENTS).prop_map(Literal::Text)), in_parameter(&["E"])];
    test.prop_map(move |test| Condition { dataset, field: "EVENT_TYPE".into(), test }).boxed()
}

fn behind_if() -> BoxedStrategy<Condition> {
    let equals = |text: bool| {
        let literal = if text { text_scalar() } else { number().prop_map(Scalar::Literal).boxed() };
        (any::<bool>(), literal)
            .prop_map(|(not, with)| Test::Compare { op: if not { Op::NotEqual } else { Op::Equal }, with })
    };
    let condition = |(field, test)| Condition { dataset: DatasetName::Users, field, test };
    prop_oneof![
        (name(&TEXT_FIELDS), equals(true)).prop_map(condition),
        (name(&NUMBER_FIELDS), equals(false)).prop_map(condition),
        on_fields(DatasetName::Users),
    ]
    .boxed()
}

fn text_scalar() -> BoxedStrategy<Scalar> {
    prop_oneof![text().prop_map(Scalar::Literal), Just(Scalar::Parameter("T".into()))].boxed()
}

fn clause(target: Target) -> impl Strategy<Value = Clause> {
    let [fields, events] = target.datasets();
    let groups = |one: BoxedStrategy<Condition>| prop::collection::vec(prop::collection::vec(one, 1..4), 1..4);
    let any_of = prop_oneof![3 => groups(on_fields(fields)), 1 => groups(on_events(events))];
    let only_if = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(behind_if(), 1..3)];
    (any::<bool>(), any_of, only_if).prop_map(|(include, any_of, only_if)| Clause { include, any_of, only_if })
}

pub fn expression() -> impl Strategy<Value = Expression> {
    select(&[Target::Item, Target::Action, Target::User][..]).prop_flat_map(|target| {
        prop::collection::vec(clause(target), 1..4).prop_map(move |clauses| Expression { target, clauses })
    })
}
