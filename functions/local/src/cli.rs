//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use palate_service::{
    Quotas,
    auth::{Scopes, keys::parse_scopes},
};

use crate::edge::Limits;

/// Amazon Personalize's API, in one process that you own.
#[derive(Debug, Parser)]
#[command(name = "palate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve personalize, personalize-runtime, personalize-events and S3 on one port
    ///
    /// Point any AWS SDK or the AWS CLI at it with AWS_ENDPOINT_URL. On a loopback address any credentials will
    /// do; elsewhere they are keys of `palate keys`. Everything is kept in one folder, and a job that was cut off
    /// goes on where it was when the next process starts. SIGTERM and Ctrl-C finish the requests in flight.
    Serve(Serve),
    /// Show it all on real data: import, train, deploy, recommend, learn from events, answer a batch
    ///
    /// Downloads a year of grocery purchases (30 MB, once), serves as `palate serve` does, and talks to it
    /// as any client would. Stays up afterwards, with lines to paste.
    Demo(Demo),
    /// Make, list and revoke the access keys of an installation
    ///
    /// They count where signatures are checked: `palate serve --auth required`, and on AWS. A running
    /// `palate serve` takes note of new and revoked keys within seconds.
    #[command(subcommand)]
    Keys(Keys),
    /// Check files as an import would, without a server: what of them cannot be imported, and why
    ///
    /// The files are checked together, as one import job of all of them; a folder stands for the files of its first
    /// level. Exits with status 0 if they can be imported, and with 1 if not. Nothing is written but the file of
    /// --errors.
    Check(Check),
    /// Tell what is in a dataset, and what that means for recipes
    ///
    /// Users, items, histories, popularity, times, columns, and what stands out, over everything that was imported
    /// and over what was streamed until minutes ago. Works beside a running `palate serve`.
    Insights(Insights),
    /// Show what is at work in a running `palate serve`, and how far it is
    ///
    /// On a terminal, a bar for each job until all have ended; elsewhere, a line for each as it is now. Trainings
    /// tell how far they are every few seconds.
    Jobs(Jobs),
    /// Tell how good a model is: a table here, and a page with plots
    ///
    /// Accuracy beside that of the most popular items, by the length of the list, for users with long and short
    /// histories, for old and new items; coverage; earlier versions of the solution; what was tried. Works beside a
    /// running `palate serve`.
    Report(Report),
    /// Tell why a user gets an item: what its score is made of
    ///
    /// The contributions sum to the score. Works beside a running `palate serve`.
    Explain(Explain),
}

#[derive(Debug, Args)]
pub struct Jobs {
    /// Address of the process; where signatures are checked, with the admin key in AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4747")]
    pub url: String,
    /// Print the jobs as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Files or folders to check
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// File with the Avro schema, as CreateSchema takes it
    #[arg(long, value_name = "SCHEMA.json")]
    pub schema: PathBuf,
    /// Domain of the schema: ECOMMERCE or VIDEO_ON_DEMAND [default: none, for custom dataset groups]
    #[arg(long)]
    pub domain: Option<String>,
    /// Type that the dataset will have: Interactions, Items, Users, Actions or Action_Interactions [default: the
    /// schema's]
    #[arg(long, value_name = "TYPE")]
    pub dataset_type: Option<String>,
    /// Write the first 1,000 bad rows here, an object a line: file, line, column, value, what was expected
    #[arg(long, value_name = "errors.jsonl")]
    pub errors: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Insights {
    /// ARN of the dataset, or `<dataset group>/<type>`: films/INTERACTIONS
    pub dataset: String,
    /// Print insights.json in place of a page for people
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Report {
    /// ARN of a solution version or recommender, `<solution>/<version>`, or a solution for its newest version
    #[arg(value_name = "SOLUTION_VERSION")]
    pub model: String,
    /// File to write the page to; without it, `report-<solution>-<version>.html` in the current folder
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print everything as JSON, and write no page
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// Campaign, by its name or ARN
    #[arg(long, required_unless_present = "recommender")]
    pub campaign: Option<String>,
    /// Recommender, by its ARN
    #[arg(long, value_name = "ARN", conflicts_with = "campaign")]
    pub recommender: Option<String>,
    /// Who asks; nobody that is known, if left out
    #[arg(long, value_name = "USER_ID")]
    pub user: Option<String>,
    /// The item whose score is to be explained
    #[arg(long, value_name = "ITEM_ID")]
    pub item: String,
    /// The item that it is related to, for recipes of related items [default: the user's last one]
    #[arg(long, value_name = "ITEM_ID")]
    pub of: Option<String>,
    /// Print an object in place of text for people
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub place: Place,
}

/// Where to look for what a command tells of.
#[derive(Debug, Args)]
pub struct Place {
    /// Ask the process at this address in place of reading where its data is kept; where signatures are checked, with
    /// the admin key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Region of what is not named by its ARN
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    #[command(flatten)]
    pub account: Account,
    #[command(flatten)]
    pub kept: Kept,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make an access key; its secret is shown this once
    Create {
        /// What it is for, separated by commas: read (recommendations), events (streamed events, items, users
        /// and actions), admin (everything, S3 included)
        #[arg(long, default_value = "admin", value_parser = parse_scopes)]
        scope: Scopes,
        /// Who or what it is for, in your words
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// List the access keys, without their secrets
    List {
        #[command(flatten)]
        kept: Kept,
    },
    /// Revoke an access key; it works for a few seconds more
    Revoke {
        /// Id of the access key
        id: String,
        #[command(flatten)]
        kept: Kept,
    },
}

/// Where an installation keeps its records.
#[derive(Debug, Args)]
pub struct Kept {
    /// Folder that everything is kept in
    #[arg(long, env = "PALATE_DATA", default_value = "./.palate")]
    pub data: PathBuf,
    /// Where data is kept: in the data folder, or in DynamoDB and S3
    ///
    /// With `aws` the secrets are encrypted under the text in PALATE_MASTER_KEY: the same for every process and
    /// function of the installation.
    #[arg(long, env = "PALATE_STORE", default_value = "embedded")]
    pub store: Store,
    /// DynamoDB table (with --store aws)
    #[arg(long, env = "PALATE_TABLE", required_if_eq("store", "aws"))]
    pub table: Option<String>,
    /// Bucket for Palate's own files (with --store aws)
    #[arg(long, env = "PALATE_BUCKET", required_if_eq("store", "aws"))]
    pub bucket: Option<String>,
}

#[derive(Debug, Args)]
pub struct Address {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4747)]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub address: Address,
    #[command(flatten)]
    pub kept: Kept,
    /// Train solutions and recommenders only when asked to, not by their schedules
    #[arg(long)]
    pub no_auto_training: bool,
    /// Whether requests must be signed with a key of `palate keys` [default: off on a loopback address, else
    /// required]
    #[arg(long, env = "PALATE_AUTH")]
    pub auth: Option<Auth>,
    #[command(flatten)]
    pub account: Account,
    /// Quotas other than Amazon's: NAME=NUMBER, several or separated by commas; a wrong name is answered by all of them
    #[arg(long = "quota", env = "PALATE_QUOTAS", value_name = "NAME=NUMBER", value_delimiter = ',', value_parser = quota)]
    pub quotas: Vec<String>,
    /// How lines of the log are written
    #[arg(long, env = "PALATE_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Let whoever may call hold and advance the clock by /_palate/clock; for tests
    #[arg(long)]
    pub allow_clock: bool,
    /// Let whoever may call delete everything by /_palate/reset; for tests
    #[arg(long)]
    pub allow_reset: bool,
    #[command(flatten)]
    pub limits: Limits,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// An object a line, for what collects logs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Signatures are checked
    Required,
    /// Any credentials will do
    Off,
}

#[derive(Debug, Args)]
pub struct Account {
    /// Account in every ARN, twelve digits
    #[arg(long = "account-id", env = "PALATE_ACCOUNT_ID", default_value = "000000000000", value_parser = account_id)]
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// SQLite and files
    Embedded,
    /// DynamoDB and S3, found as every AWS SDK finds them
    Aws,
}

#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub address: Address,
    /// Use the Personalize-form files of this folder instead: interactions.csv, items.csv, users.csv, or .csv.gz
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder that everything is kept in [default: ./.palate/demo; with --once a temporary one]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Folder that the download is kept in [default: palate in $XDG_CACHE_HOME or ~/.cache]
    #[arg(long, env = "PALATE_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// End when everything has been shown, instead of staying up
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub account: Account,
}

fn account_id(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account id has twelve digits".into())
    }
}

fn quota(text: &str) -> Result<String, String> {
    Quotas::parse(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn solutions_are_trained_by_their_schedules_unless_told_otherwise() {
        let off = |arguments: &str| match Cli::try_parse_from(arguments.split(' ')).unwrap().command {
            Command::Serve(serve) => serve.no_auto_training,
            _ => panic!("not the demo"),
        };
        assert!(!off("palate serve"));
        assert!(off("palate serve --no-auto-training"));
    }

    #[test]
    fn the_aws_store_needs_a_table_and_a_bucket() {
        let serve = |arguments: &str| Cli::try_parse_from(arguments.split(' '));
        assert!(serve("palate serve --store aws --table t --bucket b").is_ok());
        assert!(serve("palate serve --store aws --bucket b").unwrap_err().to_string().contains("--table"));
        assert!(serve("palate serve --account-id 12").unwrap_err().to_string().contains("twelve digits"));
    }

    #[test]
    fn insights_are_of_one_dataset() {
        let insights = |arguments: &str| Cli::try_parse_from(format!("palate insights {arguments}").split(' '));
        assert!(insights("films/INTERACTIONS --json --url http://127.0.0.1:4747").is_ok());
        assert!(insights("--json").unwrap_err().to_string().contains("<DATASET>"));
    }

    #[test]
    fn a_report_is_of_one_model_and_an_explanation_of_one_item() {
        let palate = |arguments: &str| Cli::try_parse_from(format!("palate {arguments}").split(' '));
        assert!(palate("report films/3f2a --html films.html").is_ok());
        assert!(palate("report films --json --html films.html").is_err());
        assert!(palate("explain --campaign films --user 7 --item 9").is_ok());
        assert!(palate("explain --user 7 --item 9").unwrap_err().to_string().contains("--campaign"));
        assert!(palate("explain --campaign films --user 7").unwrap_err().to_string().contains("--item"));
    }

    #[test]
    fn a_scope_that_does_not_exist_is_refused_by_name() {
        let create = |arguments: &str| Cli::try_parse_from(format!("palate keys create {arguments}").split(' '));
        assert!(create("--scope read,events").is_ok());
        assert!(create("--scope read,write").unwrap_err().to_string().contains("write"));
    }

    #[test]
    fn quotas_come_one_by_one_or_in_lists() {
        let quotas = |arguments: &str| match Cli::try_parse_from(arguments.split(' ')).map(|cli| cli.command) {
            Ok(Command::Serve(serve)) => Ok(serve.quotas),
            Ok(_) => panic!("another command"),
            Err(error) => Err(error.to_string()),
        };
        let given = quotas("palate serve --quota filters=100,schemas=9 --quota campaigns=50").unwrap();
        assert_eq!(given, ["filters=100", "schemas=9", "campaigns=50"]);
        assert!(quotas("palate serve --quota rows=5").unwrap_err().contains("dataset-groups"));
        assert!(quotas("palate serve --quota filters").unwrap_err().contains("NAME=NUMBER"));
    }
}
