//! The binary as its users meet it: addresses, signals, files, raw HTTP.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// `palate serve` on a free port.
struct Palate {
    child: Child,
    /// `127.0.0.1:port`
    address: String,
    printed: String,
}

impl Palate {
    fn serve(data: &Path) -> Self {
        let mut child = command(&["serve", "--port", "0"]).arg("--data").arg(data).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        // The last of the lines to paste.
        while !printed.contains("AWS_REGION") {
            printed += &(lines.next().expect("the address").unwrap() + "\n");
        }
        let address = printed.split("AWS_ENDPOINT_URL=http://").nth(1).unwrap().lines().next().unwrap().to_owned();
        Self { child, address, printed }
    }

    fn ask(&self, request: &str) -> Answer {
        self.ask_bytes(request.as_bytes())
    }

    /// Sends a request as it is; the connection is closed after the answer.
    fn ask_bytes(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
        read_answer(stream)
    }

    fn put(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.ask(&format!(
            "PUT {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"))
    }

    fn terminate(&mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Palate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn read_answer(mut stream: TcpStream) -> Answer {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palate"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["PALATE_DATA", "PALATE_STORE", "PALATE_ACCOUNT_ID", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

/// What a failing command says.
fn failure(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn it_prints_what_to_paste_and_tells_its_health() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    for line in
        ["export AWS_ACCESS_KEY_ID=palate", "export AWS_SECRET_ACCESS_KEY=palate", "export AWS_REGION=us-east-1"]
    {
        assert!(palate.printed.contains(line), "{}", palate.printed);
    }
    let health = palate.get("/_palate/health");
    assert_eq!(health.status, 200);
    assert!(
        health.body.contains(r#""status":"ok""#) && health.body.contains(r#""store":"embedded""#),
        "{}",
        health.body
    );
    assert_eq!(palate.get("/_palate/nothing").status, 404);
    assert_eq!(palate.put("/_palate/health", "", "").status, 405);
}

#[test]
fn it_tells_of_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    let jobs = palate.get("/_palate/jobs");
    assert_eq!((jobs.status, jobs.body.trim()), (200, "[]"));
    let url = format!("http://{}", palate.address);
    let run = |arguments: &[&str]| command(arguments).output().unwrap();
    let told = run(&["jobs", "--url", &url]);
    assert_eq!(String::from_utf8(told.stdout).unwrap(), "No job is at work.\n");
    assert_eq!(String::from_utf8(run(&["jobs", "--json", "--url", &url]).stdout).unwrap(), "[]\n");
    assert_eq!(palate.put("/_palate/jobs", "", "").status, 405);
}

#[test]
fn a_taken_port_and_a_folder_in_use_are_named() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let palate = Palate::serve(folder.path());
    let port = palate.address.split(':').nth(1).unwrap();
    let mut taken = command(&["serve", "--port", port]);
    taken.arg("--data").arg(other.path());
    let error = failure(taken);
    assert!(error.contains(&format!("port {port} of 127.0.0.1 is taken")) && error.contains("--port"), "{error}");
    let mut in_use = command(&["serve", "--port", "0"]);
    in_use.arg("--data").arg(folder.path());
    assert!(failure(in_use).contains("another palate"));
}

#[cfg(not(feature = "aws"))]
#[test]
fn the_aws_store_says_how_to_build_it() {
    let error = failure(command(&["serve", "--port", "0", "--store", "aws", "--table", "t", "--bucket", "b"]));
    assert!(error.contains("--features aws"), "{error}");
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    assert_eq!(palate.put("/bucket", "", "").status, 200);
    assert_eq!(palate.put("/bucket/a/b%20c.csv", "content-type: text/csv\r\n", "Hello").status, 200);
    let object = palate.get("/bucket/a/b%20c.csv");
    assert_eq!((object.status, object.body.as_str()), (200, "Hello"));
    assert!(object.head.contains("content-type: text/csv"), "{}", object.head);
    assert_eq!(std::fs::read(folder.path().join("s3/bucket/a/b c.csv")).unwrap(), b"Hello");
    let missing = palate.get("/bucket/missing");
    assert!(missing.status == 404 && missing.body.contains("NoSuchKey"), "{}", missing.body);
    let missing = palate.put("/nowhere/key", "", "x");
    assert!(missing.status == 404 && missing.body.contains("NoSuchBucket"), "{}", missing.body);
}

#[test]
fn an_upload_in_chunks_is_stored_without_its_wrapping() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    palate.put("/bucket", "", "");
    let headers = "authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
                   x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\ncontent-encoding: aws-chunked\r\n\
                   x-amz-decoded-content-length: 5\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\
                   x-amz-sdk-checksum-algorithm: CRC32\r\n";
    let body = "2\r\nHe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:99GJgg==\r\n\r\n";
    assert_eq!(palate.put("/bucket/key", headers, body).status, 200);
    let object = palate.get("/bucket/key");
    assert_eq!(object.body, "Hello");
    assert!(!object.head.contains("aws-chunked"), "{}", object.head);
    // Neither a wrong checksum nor a cut replaces what was there.
    for body in [body.replace("99GJ", "AAAA"), body[..12].to_owned()] {
        assert!(palate.put("/bucket/key", headers, &body).status >= 400);
        assert_eq!(palate.get("/bucket/key").body, "Hello");
    }
}

#[test]
fn no_key_leaves_its_bucket() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let palate = Palate::serve(&data);
    palate.put("/bucket", "", "");
    palate.put("/other", "", "");
    palate.put("/other/key", "", "theirs");
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let ways_out = [
        "/bucket/../../../secret",
        "/bucket/%2e%2e/%2e%2e/%2e%2e/secret",
        "/bucket/..%2f..%2f..%2fsecret",
        "/bucket/%2E%2E%2F..%2Fpalate.db",
        "/bucket/../other/key",
        "/bucket/a/..%2f..%2fother/key",
        "/bucket/./key",
        "/bucket//key",
        "/%2e%2e/secret",
        "/../secret",
        "/..%2fdata/palate.db",
    ];
    for way in ways_out {
        let got = palate.get(way);
        assert!((400..500).contains(&got.status), "GET {way}: {} {}", got.status, got.body);
        assert!(!got.body.contains("secret") && !got.body.contains("theirs"), "GET {way}: {}", got.body);
        let put = palate.put(way, "", "overwritten");
        assert!((400..500).contains(&put.status), "PUT {way}: {} {}", put.status, put.body);
        let copy = palate.put("/bucket/copy", &format!("x-amz-copy-source: {way}\r\n"), "");
        assert!((400..500).contains(&copy.status), "copy of {way}: {} {}", copy.status, copy.body);
        let delete = palate.ask(&format!("DELETE {way} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"));
        assert!((400..500).contains(&delete.status), "DELETE {way}: {} {}", delete.status, delete.body);
    }
    assert_eq!(std::fs::read(outer.path().join("secret")).unwrap(), b"secret");
    assert_eq!(palate.get("/other/key").body, "theirs");
    let mut outside: Vec<_> =
        std::fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    outside.sort();
    assert_eq!(outside, ["data", "secret"]);
}

#[test]
fn a_request_in_flight_is_finished_after_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut palate = Palate::serve(folder.path());
    palate.put("/bucket", "", "");
    // Half of an upload, of which the server has begun to read the rest: it says so.
    let mut stream = TcpStream::connect(&palate.address).unwrap();
    let head = "PUT /bucket/key HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut proceed = [0; 25];
    stream.read_exact(&mut proceed).unwrap();
    assert_eq!(&proceed, b"HTTP/1.1 100 Continue\r\n\r\n");
    signal(&palate.child, "TERM");
    stream.write_all(b"Hello").unwrap();
    assert_eq!(read_answer(stream).status, 200);
    assert_eq!(palate.child.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read(folder.path().join("s3/bucket/key")).unwrap(), b"Hello");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut palate = Palate::serve(folder.path());
    palate.put("/bucket", "", "");
    let mut stream = TcpStream::connect(&palate.address).unwrap();
    let head = "PUT /bucket/key HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 25]).unwrap();
    signal(&palate.child, "INT");
    // It no longer accepts once it has seen the first one.
    while TcpStream::connect(&palate.address).is_ok() {}
    signal(&palate.child, "INT");
    assert_eq!(palate.child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_restart_serves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut palate = Palate::serve(folder.path());
    palate.put("/bucket", "", "");
    palate.put("/bucket/key", "", "Hello");
    assert_eq!(palate.terminate().code(), Some(0));
    assert_eq!(Palate::serve(folder.path()).get("/bucket/key").body, "Hello");
}

#[test]
fn other_services_are_told_where_they_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    let scope = "authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sts/aws4_request, Signature=0\r\n";
    let answer = palate.put("/", scope, "");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("not sts"), "{}", answer.body);
}

#[test]
fn a_notification_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    let post = |body: &str| {
        let length = body.len();
        palate.ask(&format!(
            "POST /_palate/object-created HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    assert_eq!(post("nonsense").status, 400);
    let object = r#"{"bucket":{"name":"bucket"},"object":{"key":"elsewhere/key","eTag":"e"}}"#;
    assert_eq!(post(&format!(r#"{{"Records":[{{"eventName":"ObjectCreated:Put","s3":{object}}}]}}"#)).status, 200);
}

#[test]
fn the_demo_shows_the_whole_way_on_data_of_ones_own() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut interactions = String::from("USER_ID,ITEM_ID,TIMESTAMP\n");
    for user in 0..60 {
        for event in 0..20 {
            // Everybody goes through the items in the same order, each from a place of their own.
            interactions += &format!("u{user},i{},{}\n", (user * 7 + event) % 50, 1_700_000_000 + user + event * 60);
        }
    }
    std::fs::write(data.path().join("interactions.csv"), interactions).unwrap();
    let items: String = (0..50).map(|item| format!("i{item},\"Item, number {item}\",c{}\n", item % 5)).collect();
    std::fs::write(data.path().join("items.csv"), format!("ITEM_ID,TITLE,CATEGORY\n{items}")).unwrap();

    let mut demo = command(&["demo", "--once", "--port", "0"]);
    let output = demo.arg("--data").arg(data.path()).current_dir(home.path()).output().unwrap();
    let (shown, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{shown}{errors}");
    for part in ["1,200 rows", "precision at 10", "What goes with \"Item, number", "60 lines of answers"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    // It ran in a folder of its own, which is gone.
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    let folder = shown.split("everything is kept in ").nth(1).unwrap().lines().next().unwrap();
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn the_bad_rows_of_an_import_are_answered_by_the_arn_of_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let palate = Palate::serve(folder.path());
    let call = |operation: &str, input: serde_json::Value| {
        let (target, body) = (format!("AmazonPersonalize.{operation}"), input.to_string());
        let answer = palate.ask(&format!(
            "POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\nx-amz-target: {target}\r\ncontent-type: \
             application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    assert_eq!(palate.put("/bucket", "", "").status, 200);
    assert_eq!(palate.put("/bucket/users.csv", "", "USER_ID,AGE\nu1,old\n").status, 200);
    let schema = r#"{"type": "record", "name": "Users", "fields": [
        {"name": "USER_ID", "type": "string"}, {"name": "AGE", "type": "int"}]}"#;
    let group = call("CreateDatasetGroup", json!({"name": "films"}))["datasetGroupArn"].clone();
    let schema = call("CreateSchema", json!({"name": "users", "schema": schema}))["schemaArn"].clone();
    let dataset = json!({"name": "users", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Users"});
    let dataset = call("CreateDataset", dataset)["datasetArn"].clone();
    let source = json!({"dataLocation": "s3://bucket/users.csv"});
    let role = "arn:aws:iam::000000000000:role/palate";
    let job = json!({"jobName": "first", "datasetArn": dataset, "dataSource": source, "roleArn": role});
    let job = call("CreateDatasetImportJob", job)["datasetImportJobArn"].clone();
    let reason = loop {
        let described = call("DescribeDatasetImportJob", json!({"datasetImportJobArn": job}));
        match described["datasetImportJob"]["status"].as_str().unwrap() {
            "CREATE FAILED" => break described["datasetImportJob"]["failureReason"].as_str().unwrap().to_owned(),
            status => assert!(status.starts_with("CREATE"), "{described}"),
        }
    };
    // The reason says where to look.
    let path = reason.split_once(" at /").unwrap().1.trim_end_matches('.');
    let answer = palate.get(&format!("/{path}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.body,
        "{\"file\":\"s3://bucket/users.csv\",\"line\":2,\"column\":\"AGE\",\"value\":\"old\",\"expected\":\"a whole \
         number of 32 bits (int)\"}\n"
    );
    assert_eq!(palate.get("/_palate/imports/first/errors.jsonl").status, 404);
    assert_eq!(palate.get("/_palate/imports/").status, 404);
}
