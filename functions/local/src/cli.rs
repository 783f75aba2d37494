//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Point any AWS SDK or the AWS CLI at it with AWS_ENDPOINT_URL; any credentials will do. Everything is
    /// kept in one folder, and a job that was cut off goes on where it was when the next process starts.
    /// SIGTERM and Ctrl-C finish the requests in flight.
    Serve(Serve),
    /// Show it all on real data: import, train, deploy, recommend, learn from events, answer a batch
    ///
    /// Downloads a year of grocery purchases (30 MB, once), serves as `palate serve` does, and talks to it
    /// as any client would. Stays up afterwards, with lines to paste.
    Demo(Demo),
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
    /// Folder that everything is kept in
    #[arg(long, env = "PALATE_DATA", default_value = "./.palate")]
    pub data: PathBuf,
    /// Where data is kept: in the data folder, or in DynamoDB and S3
    #[arg(long, env = "PALATE_STORE", default_value = "embedded")]
    pub store: Store,
    /// DynamoDB table (with --store aws)
    #[arg(long, env = "PALATE_TABLE", required_if_eq("store", "aws"))]
    pub table: Option<String>,
    /// Bucket for Palate's own files (with --store aws)
    #[arg(long, env = "PALATE_BUCKET", required_if_eq("store", "aws"))]
    pub bucket: Option<String>,
    #[command(flatten)]
    pub account: Account,
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
    fn the_aws_store_needs_a_table_and_a_bucket() {
        let serve = |arguments: &str| Cli::try_parse_from(arguments.split(' '));
        assert!(serve("palate serve --store aws --table t --bucket b").is_ok());
        assert!(serve("palate serve --store aws --bucket b").unwrap_err().to_string().contains("--table"));
        assert!(serve("palate serve --account-id 12").unwrap_err().to_string().contains("twelve digits"));
    }
}
