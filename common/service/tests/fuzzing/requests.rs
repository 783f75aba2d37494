//! Makes requests: right ones, nearly right ones, and noise.

use std::fmt;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::filters::expression;
use super::model::{Bounds, Kind, Member, Model, Operation, Scalar};
use super::rng::Rng;
use super::world::World;

/// A request as it is sent.
pub struct Fuzzed {
    /// What it is counted under.
    pub operation: String,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl Fuzzed {
    /// What HTTP itself does not allow is left out: no server would hand it on.
    pub fn to_request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.parse().unwrap_or_default();
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), http::HeaderValue::from_bytes(value)) {
                request.headers_mut().append(name, value);
            }
        }
        request
    }
}

impl fmt::Display for Fuzzed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(2_000)]);
        write!(f, "{} {} {} ({} bytes) {body}", self.operation, self.method, self.path, self.body.len())
    }
}

/// Makes requests that may meet something in the world.
pub struct Maker<'a> {
    pub model: &'a Model,
    pub world: &'a World,
}

impl Maker<'_> {
    pub fn request(&self, rng: &mut Rng) -> Fuzzed {
        let operation = rng.pick(&self.model.operations);
        match rng.below(20) {
            0 => self.noise(rng),
            1 => to(operation, rng.bytes(300)),
            2 => to(operation, json_noise(rng)),
            3 => {
                let right = self.input(rng, operation).to_string();
                to(operation, broken(rng, right.into_bytes()))
            }
            4 => self.filter(rng),
            5 => self.filtered(rng),
            6 => {
                let mut fuzzed = to(operation, self.input(rng, operation).to_string().into_bytes());
                odd_head(rng, &mut fuzzed);
                fuzzed
            }
            _ => to(operation, self.input(rng, operation).to_string().into_bytes()),
        }
    }

    /// An input for the operation: mostly what the model allows; where it is not, one thing or two.
    fn input(&self, rng: &mut Rng, operation: &Operation) -> Value {
        // Half of the inputs obey the model in everything.
        let wild = rng.one_in(2);
        let mut input = self.members(rng, &operation.input, wild, 0);
        if wild && rng.one_in(8) {
            input.insert(rng.text(10), value(rng, 3));
        }
        if operation.name.starts_with("Delete") {
            // What the world is furnished with would not last long otherwise.
            for (member, value) in input.iter_mut().filter(|(member, _)| member.ends_with("Arn")) {
                if !rng.one_in(50) {
                    *value = made_arn(rng, member).into();
                }
            }
        }
        Value::Object(input)
    }

    fn members(&self, rng: &mut Rng, members: &[Member], wild: bool, depth: usize) -> Map<String, Value> {
        let mut input = Map::new();
        for member in members {
            let left_out = if member.required { wild && rng.one_in(12) } else { depth > 6 || rng.one_in(2) };
            if !left_out {
                let odd = wild && rng.one_in(10);
                let made = if odd { value(rng, 3) } else { self.kind(rng, &member.kind, &member.name, wild, depth) };
                input.insert(member.name.clone(), made);
            }
        }
        input
    }

    fn kind(&self, rng: &mut Rng, kind: &Kind, name: &str, wild: bool, depth: usize) -> Value {
        let length = |rng: &mut Rng, bounds: &Bounds| {
            let (least, most) = (bounds.min.unwrap_or(0.0) as usize, bounds.max.unwrap_or(5.0).min(300.0) as usize);
            match rng.below(if wild { 12 } else { 10 }) {
                0 => most,
                10 => most + 1,
                11 => least.saturating_sub(1),
                _ => least.max(rng.below(4)).min(most),
            }
        };
        match kind {
            Kind::List(element, bounds) => {
                (0..length(rng, bounds)).map(|_| self.kind(rng, element, name, wild, depth + 1)).collect()
            }
            Kind::Map(key, value, bounds) => {
                let pairs = (0..length(rng, bounds)).map(|_| {
                    let key = self.kind(rng, key, name, wild, depth + 1);
                    let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                    (key, self.kind(rng, value, name, wild, depth + 1))
                });
                Value::Object(pairs.collect())
            }
            Kind::Named(type_name) => match (self.model.structures.get(type_name), self.model.scalars.get(type_name)) {
                (Some(members), _) => Value::Object(self.members(rng, members, wild, depth + 1)),
                (None, Some(scalar)) => self.scalar(rng, scalar, type_name, name, wild),
                (None, None) => Value::Null,
            },
        }
    }

    fn scalar(&self, rng: &mut Rng, scalar: &Scalar, type_name: &str, name: &str, wild: bool) -> Value {
        match scalar {
            Scalar::Enum(_) if wild && rng.one_in(8) => rng.text(6).into(),
            Scalar::Enum(values) => rng.pick(values).as_str().into(),
            Scalar::Boolean => rng.one_in(2).into(),
            Scalar::Timestamp => match rng.below(6) {
                0 => json!("2024-02-29T12:00:00Z"),
                1 => json!(0),
                2 if wild => json!(*rng.pick(&[-1e18, 1e18, 1e308, 0.1, -62135596801.0, 253402300800.0])),
                _ => json!(1_700_000_000 + rng.below(1_000_000)),
            },
            Scalar::Number { range, whole } => number(rng, range, *whole, wild),
            Scalar::Json { length } => {
                let object = json!({ "CATEGORY": "c1", "price": rng.below(9), "x": rng.text(5) });
                match rng.below(6) {
                    0 => object,
                    1 if wild => rng.text(length.max.unwrap_or(10.0) as usize).into(),
                    2 if wild => json!({ "x": "x".repeat(length.max.unwrap_or(10.0) as usize) }).to_string().into(),
                    3 if wild => "[".repeat(500).into(),
                    _ => object.to_string().into(),
                }
            }
            Scalar::String { length, pattern } => self.string(rng, type_name, name, *length, *pattern, wild).into(),
        }
    }

    fn string(&self, rng: &mut Rng, kind: &str, name: &str, length: Bounds, pattern: bool, wild: bool) -> String {
        if wild && rng.one_in(10) {
            let most = length.max.unwrap_or(3_000.0) as usize;
            let size = [most, most + 1, 0, rng.below(most + 1)][rng.below(4)];
            return if rng.one_in(2) { rng.text(size) } else { "a".repeat(size) };
        }
        let name = name.to_ascii_lowercase();
        match kind {
            "Arn" if rng.one_in(6) => made_arn(rng, &name),
            "Arn" => self.world.arn(rng, name.trim_end_matches("arn")),
            "RoleArn" => "arn:aws:iam::000000000000:role/any".into(),
            "KmsKeyArn" => "arn:aws:kms:us-east-1:000000000000:key/any".into(),
            "S3Location" => (*rng.pick(&["s3://bucket/in.csv", "s3://bucket/", "s3://no-bucket/x", "s3://"])).into(),
            "AvroSchema" => schema(rng),
            "FilterExpression" => expression(rng),
            _ if name == "trackingid" => self.world.tracking_id.clone(),
            "DatasetType" => (*rng.pick(&["Interactions", "Items", "Users", "Actions", "Action_Interactions"])).into(),
            "SchedulingExpression" => format!("rate({} days)", rng.below(40)),
            "UserID" | "UserId" => format!("u{}", rng.below(70)),
            "ItemID" | "ItemId" => format!("i{}", rng.below(60)),
            "NextToken" => rng.text(20),
            "TagKey" | "TagValue" => format!("k{}", rng.below(5)),
            // Few names, so that some are taken.
            "Name" => made_name(rng),
            _ if pattern => (*rng.pick(&["CATEGORY", "PRICE", "V", "W"])).into(),
            _ => rng.pick(&["watch", "a", "1.5", "x".repeat(20).as_str()]).to_string(),
        }
    }

    fn filter(&self, rng: &mut Rng) -> Fuzzed {
        let input = json!({
            "name": format!("filter-{}", rng.below(1_000_000)),
            "datasetGroupArn": self.world.arn(rng, "datasetgroup"),
            "filterExpression": expression(rng),
        });
        let operation = self.model.operations.iter().find(|operation| operation.name == "CreateFilter").unwrap();
        to(operation, input.to_string().into_bytes())
    }

    /// A request to the runtime with values for a filter's placeholders.
    fn filtered(&self, rng: &mut Rng) -> Fuzzed {
        let runtime: Vec<_> =
            self.model.operations.iter().filter(|operation| operation.service == "personalize-runtime").collect();
        let operation = *rng.pick(&runtime);
        let quoted = match rng.below(5) {
            0 => rng.text(30),
            1 => "\"a\",".repeat(200),
            2 => "3".into(),
            3 => "\"\\\"".into(),
            _ => "\"c1\",\"c2\"".into(),
        };
        let mut input = self.members(rng, &operation.input, false, 0);
        input.insert("campaignArn".into(), self.world.arn(rng, "campaign").into());
        input.insert("filterArn".into(), self.world.arn(rng, "filter").into());
        input.insert("filterValues".into(), json!({ "V": quoted, "W": "\"w\"" }));
        to(operation, Value::Object(input).to_string().into_bytes())
    }

    /// No operation at all, or hardly.
    fn noise(&self, rng: &mut Rng) -> Fuzzed {
        let paths = ["/", "/recommendations", "/events/", "//", "/a%00b", "/%ff", "/?x=1", "*", "/_palate"];
        let path = if rng.one_in(3) { format!("/{}", rng.text(30)) } else { (*rng.pick(&paths)).to_owned() };
        let method = if rng.one_in(3) { "GET".into() } else { (*rng.pick(&["POST", "PUT", "TRACE", "X"])).to_owned() };
        let (headers, length) = (Vec::new(), rng.below(200));
        let mut fuzzed =
            Fuzzed { operation: "(none)".into(), method, path, headers, body: Bytes::from(rng.bytes(length)) };
        odd_head(rng, &mut fuzzed);
        fuzzed
    }
}

const KINDS: [&str; 8] =
    ["dataset-group", "dataset", "schema", "solution", "campaign", "filter", "recommender", "dataset/a/ITEMS"];

/// A name that another request may have given to a resource.
fn made_name(rng: &mut Rng) -> String {
    format!("{}{}", rng.pick(&["a", "b", "shop", "X_1-"]), rng.below(12))
}

/// The ARN of a resource that another request may have created, of the kind that the member takes.
fn made_arn(rng: &mut Rng, member: &str) -> String {
    let member = member.to_ascii_lowercase();
    let fitting =
        KINDS.iter().find(|kind| **kind == member.trim_end_matches("arn").replace("datasetgroup", "dataset-group"));
    let kind = *fitting.unwrap_or(rng.pick(&KINDS));
    format!("arn:aws:personalize:us-east-1:000000000000:{kind}/{}", made_name(rng))
}

/// The request that a client makes.
fn to(operation: &Operation, body: Vec<u8>) -> Fuzzed {
    let mut headers = vec![("authorization".into(), AUTHORIZATION.into())];
    if operation.service == "personalize" {
        headers.push(("x-amz-target".into(), format!("AmazonPersonalize.{}", operation.name).into_bytes()));
    }
    Fuzzed {
        operation: operation.name.clone(),
        method: "POST".into(),
        path: operation.path.clone(),
        headers,
        body: body.into(),
    }
}

const AUTHORIZATION: &[u8] = b"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/personalize/aws4_request, \
    SignedHeaders=host, Signature=0";

/// Breaks a header or adds one.
fn odd_head(rng: &mut Rng, fuzzed: &mut Fuzzed) {
    let scopes = ["a/b/c", "a/20260101/no region/personalize/aws4_request", "////", "a/20260101/eu-west-1/s3/x"];
    let scope = *rng.pick(&scopes);
    let (name, value) = match rng.below(6) {
        0 => ("authorization", rng.bytes(40)),
        1 => ("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, Signature=").into_bytes()),
        2 => ("x-amz-target", rng.bytes(20)),
        3 => ("x-amz-target", [b"AmazonPersonalize.", rng.text(20).as_bytes()].concat()),
        4 => ("content-length", rng.bytes(4)),
        _ => ("x-amz-date", rng.text(16).into_bytes()),
    };
    if rng.one_in(2) {
        fuzzed.headers.retain(|(known, _)| known != name);
    }
    fuzzed.headers.push((name.into(), value));
    if rng.one_in(4) {
        fuzzed.method = (*rng.pick(&["GET", "PUT", "HEAD", "OPTIONS"])).into();
    }
}

fn number(rng: &mut Rng, range: &Bounds, whole: bool, wild: bool) -> Value {
    let least = range.min.unwrap_or(0.0);
    let most = range.max.unwrap_or(1_000.0).max(least);
    match rng.below(if wild { 10 } else { 6 }) {
        0 if whole => json!(most as i64),
        1 if whole => json!(least as i64),
        0 => json!(most),
        6 => json!(least - 1.0),
        7 => json!(most + 1.0),
        8 => json!(*rng.pick(&[1e308, -1e308, 0.5, 9.007199254740993e15])),
        9 => json!(*rng.pick(&[i64::MAX, i64::MIN, i64::from(i32::MAX) + 1])),
        _ if whole => json!(least as i64 + rng.below((most - least).min(30.0) as usize + 1) as i64),
        _ => json!(least + (most - least).min(1.0) * rng.below(100) as f64 / 100.0),
    }
}

/// Half of the time what an Interactions dataset needs, and something more.
fn schema(rng: &mut Rng) -> String {
    let kinds = [json!("string"), json!("long"), json!(["null", "float"]), json!(["null"]), json!("what"), json!({})];
    let names = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "CATEGORY", "PRICE", "AGE", "a b"];
    let field = |name: &str, kind: &Value| json!({ "name": name, "type": kind });
    let right = rng.one_in(2);
    let mut fields = Vec::new();
    if right {
        let needed = [("USER_ID", &kinds[0]), ("ITEM_ID", &kinds[0]), ("TIMESTAMP", &kinds[1])];
        fields.extend(needed.map(|(name, kind)| field(name, kind)));
    }
    for _ in 0..rng.below(if right { 2 } else { 9 }) {
        let (name, kind) = (*rng.pick(&names), rng.pick(&kinds).clone());
        fields.push(field(name, &kind));
    }
    let name = if right { "Interactions" } else { rng.pick(&["Interactions", "Items", "Users"]) };
    let text = json!({ "type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema",
        "fields": fields, "version": "1.0" });
    match rng.below(10) {
        0 => rng.text(100),
        1 => format!("{}1{}", "[".repeat(9_000), "]".repeat(9_000)),
        _ => text.to_string(),
    }
}

/// JSON without a meaning.
fn json_noise(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(),
        1 => format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200)).into_bytes(),
        2 => format!("{{\"name\":[{}0]}}", "0,".repeat(20_000)).into_bytes(),
        3 => "{\"name\":\"\\ud800\"}".into(),
        _ => value(rng, 5).to_string().into_bytes(),
    }
}

fn value(rng: &mut Rng, depth: usize) -> Value {
    match rng.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => rng.one_in(2).into(),
        2 => json!(rng.next() as i64),
        3 => json!(f64::from_bits(rng.next())),
        4 => {
            let length = rng.below(40);
            rng.text(length).into()
        }
        5 => (0..rng.below(5)).map(|_| value(rng, depth - 1)).collect(),
        _ => Value::Object((0..rng.below(5)).map(|_| (rng.text(4), value(rng, depth - 1))).collect()),
    }
}

/// Right JSON with some bytes changed, left out or doubled.
fn broken(rng: &mut Rng, mut body: Vec<u8>) -> Vec<u8> {
    for _ in 0..=rng.below(4) {
        if body.is_empty() {
            break;
        }
        let at = rng.below(body.len());
        match rng.below(4) {
            0 => body[at] = rng.next() as u8,
            1 => drop(body.remove(at)),
            2 => body.insert(at, *rng.pick(b"\"{}[],:\\0")),
            _ => body.truncate(at),
        }
    }
    body
}
