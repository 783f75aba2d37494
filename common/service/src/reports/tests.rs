#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use palate_recipes::{AtCutoff, Breakdown, Figure, Figures, Group, NamedFigures, Report, Search, Trial};

use super::*;

fn figures(value: f64) -> Figures {
    let mean = Figure { value, standard_error: Some(0.01) };
    let names = ["ndcg_at_10", "ndcg_at_25", "recall_at_25", "hit_rate_at_25", "mrr_at_25", "novelty", "popularity"];
    let plain = ["coverage", "gini"].map(|name| (name.to_owned(), Figure::plain(value)));
    names.map(|name| (name.to_owned(), mean)).into_iter().chain(plain).collect()
}

fn model() -> ModelReport {
    let at = |k: usize| {
        let of = |value: f64| -> Figures {
            let names = ["ndcg", "recall", "hit_rate", "precision", "mrr"];
            names.map(|name| (name.to_owned(), Figure { value: value * k as f64, standard_error: Some(0.004) })).into()
        };
        AtCutoff { k, figures: of(0.012), baseline: of(0.004) }
    };
    let group = |name: &str, value| Group {
        name: name.into(),
        n_users: 1234,
        figures: figures(value),
        baseline: figures(0.02),
    };
    let wire = |value: f64| {
        ["normalized_discounted_cumulative_gain_at_25", "mean_reciprocal_rank_at_25", "coverage", "precision_at_25"]
            .map(|name| (name.to_owned(), value))
            .into()
    };
    let trial = |name: &str, objective, chosen| Trial {
        name: name.into(),
        recipe: "palate-ease".into(),
        hyperparameters: BTreeMap::from([("regularization".into(), "200".into())]),
        objective,
        chosen,
        note: objective.is_none().then(|| "stopped & left".into()),
    };
    ModelReport {
        arn: "arn:aws:personalize:us-east-1:000000000000:solution/films/3f2a9c1e".into(),
        recipe: "palate-ease".into(),
        created_s: 1_795_000_000,
        training_hours: Some(0.01),
        hyperparameters: BTreeMap::from([("half_life".into(), "2.0".into())]),
        report: Report {
            metrics: wire(0.41),
            popularity_baseline: wire(0.1),
            n_test_users: 6040,
            figures: figures(0.2),
            baseline: figures(0.05),
            gain: figures(0.15),
            by_cutoff: [1, 2, 3, 5, 10, 15, 20, 25].map(at).into(),
            breakdowns: vec![
                Breakdown {
                    by: "events in the user's history".into(),
                    groups: vec![group("1", 0.1), group("2 to 4", 0.3)],
                },
                Breakdown {
                    by: "age of the item".into(),
                    groups: vec![group("never seen", 0.0), group("1 to 6 days", 0.2)],
                },
            ],
            parts: vec![NamedFigures {
                name: "network <alone>".into(),
                figures: figures(0.12),
                gain_of_whole: figures(0.08),
                answer_us: Some(1234.4),
            }],
            answer_us: Some(2345.6),
            search: Some(Search {
                metric: "ndcg_at_25".into(),
                reason: "Trial 2 has the highest NDCG@25.".into(),
                trials: vec![trial("1", Some(0.18), false), trial("2", Some(0.2), true), trial("3", None, false)],
            }),
            warnings: vec!["Only a test of <script>alert(1)</script>.".into()],
            ..Report::default()
        },
        earlier: vec![EarlierVersion {
            arn: "arn:aws:personalize:us-east-1:000000000000:solution/films/00aa".into(),
            recipe: "palate-ease".into(),
            created_s: 1_794_000_000,
            metrics: wire(0.39),
            n_test_users: 5900,
        }],
    }
}

#[test]
fn the_page_has_every_plot_and_needs_nothing_else() {
    let page = model().page();
    // Four by k, two breakdowns, two of the lists, two of parts, four of versions, one of trials.
    assert_eq!(page.matches("<svg ").count(), 4 + 2 + 2 + 2 + 4 + 1);
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "NaN", "\"inf"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for told in [
        "films/3f2a9c1e",
        "network &lt;alone&gt;",
        " less<",
        "takes 2,346 µs, network &lt;alone&gt; by itself 1,234 µs",
        "&lt;script&gt;",
        "prefers-color-scheme: dark",
        "films/00aa",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn the_table_tells_the_figures_of_model_and_popularity_and_their_difference() {
    let table = model().table();
    for line in [
        "6,040 held-out users; ± is the standard error over users",
        "NDCG@25                  0.2000 ± 0.0100     0.0500 ± 0.0100     0.1500 ± 0.0100",
        "network <alone>          0.1200 ± 0.0100     0.1200 ± 0.0100     0.0800 ± 0.0100           1,234",
        "→ 2            palate-ease                0.2000  regularization=200",
        "  normalized_discounted_cumulative_gain_at_25            0.4100   most popular 0.1000",
    ] {
        assert!(table.lines().any(|told| told == line), "{line}\n{table}");
    }
    assert!(table.contains("By age of the item") && table.contains("never seen") && table.contains("films/00aa"));
}

#[test]
fn lists_of_users_are_told_as_such() {
    let wire = ["coverage", "hits_at_1_percent", "recall_at_1_percent"].map(|name| (name.to_owned(), 0.25));
    let mut segments = model();
    segments.recipe = "aws-item-affinity".into();
    let report = &mut segments.report;
    report.n_targets = Some(1808);
    for figures in [&mut report.figures, &mut report.baseline, &mut report.gain] {
        figures.retain(|name, _| name != "popularity" && name != "novelty");
        figures.extend(wire.clone().map(|(name, value)| (name, Figure::plain(value))));
    }
    report.breakdowns.retain(|by| by.by == "age of the item");
    report.breakdowns[0].by = "training users of the target".into();
    report.metrics = wire.clone().into();
    segments.earlier[0].metrics = wire.into();
    let (table, page) = (segments.table(), segments.page());
    for told in [&table, &page] {
        for words in
            ["1,808 targets, 6,040 users who turned to a target", "most active", "training users of the target"]
        {
            assert!(told.contains(words), "{words}\n{told}");
        }
        for misleading in
            ["most popular", "held-out", "all items", "25 items", "an item", "MRR@25 by", "NDCG of the list"]
        {
            assert!(!told.contains(misleading), "{misleading}\n{told}");
        }
    }
    for line in [
        "1,808 targets, 6,040 users who turned to a target; ± is the standard error over targets",
        "hits@1 %                 0.2500              0.2500              0.2500         ",
        "  films/00aa                         2026-11-06   0.2500   0.2500   0.2500",
    ] {
        assert!(table.lines().any(|told| told == line), "{line}\n{table}");
    }
    assert!(page.contains("<th class=\"n\">Recall at 1 %</th>\n<th class=\"n\">Hits at 1 %</th>"), "{page}");
    assert!(page.contains("1,234 targets") && page.contains("Of segments of 1 % of the users"));
}

#[test]
fn a_report_of_an_older_form_and_an_empty_one_have_a_table_and_a_page() {
    let older = r#"{"formatVersion":1,"metrics":{"coverage":0.5},"standard":{"normalized_discounted_cumulative_gain_at_10":0.2},
        "popularityBaseline":{"coverage":0.1},"nTestUsers":60}"#;
    for report in [serde_json::from_str(older).unwrap(), Report::default()] {
        let bare = ModelReport { report, earlier: vec![], hyperparameters: BTreeMap::new(), ..model() };
        assert!(bare.page().ends_with("</html>\n"));
        assert!(bare.table().contains("GetSolutionMetrics"));
    }
}

#[test]
fn what_a_process_tells_is_read_as_it_was_told() {
    let told = serde_json::to_string(&model()).unwrap();
    assert_eq!(serde_json::from_str::<ModelReport>(&told).unwrap(), model());
}

#[test]
fn figures_have_names_for_people() {
    assert_eq!(title("ndcg_at_25"), "NDCG@25");
    assert_eq!(title("normalized_discounted_cumulative_gain_at_5"), "NDCG of the list@5");
    assert_eq!(title("hits_at_1_percent"), "hits@1 %");
    assert_eq!(title("trend_prediction_accuracy"), "trend prediction accuracy");
}
