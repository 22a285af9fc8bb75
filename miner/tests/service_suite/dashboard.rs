//! The dashboard of the running binary, by plain HTTP and in a browser.

use std::net::TcpStream;
use std::path::PathBuf;

use cityseal_chain::SealTemplate;
use cityseal_client::{Client, ClientOptions, RetryPolicy, SealOutcome, SealRequest, StatusRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::binary::Serve;
use crate::browser::Browser;
use crate::http::{Answer, call};
use crate::skip::skip;
use crate::support::{chain, easy, endless, submission};
use crate::wire::{begin, chunk};

/// The trace of the call that is refused.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// More than the 4,096 headers that the service judges at once.
const HEADERS: usize = 5_000;

/// A service with a sealed job, a running one, an upload that stays open, and a refused submission.
struct Scene {
    serve: Serve,
    client: Client,
    _upload: (mpsc::Sender<v1::VerifyChainRequest>, Streaming<v1::VerifyChainResponse>),
}

impl Scene {
    async fn new() -> Self {
        let records = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench-results");
        let serve = Serve::start_with(&["--dashboard", "127.0.0.1:0", "--records", records]);
        let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
        let client = Client::connect(ClientOptions::new(&serve.address).retry(once)).await.unwrap();
        let deed = SealRequest::new(easy(1, 64)).request_id("deed-1").tenant("land-registry");
        assert_eq!(client.seal(&deed).await.unwrap().outcome, SealOutcome::Sealed);
        let channel = Endpoint::from_shared(format!("http://{}", serve.address)).unwrap().connect().await.unwrap();
        let mut sealer = SealServiceClient::new(channel.clone());
        let of = |name: &str, generation, template: SealTemplate| v1::SubmitSealRequest {
            tenant: "parks".to_owned(),
            chain: "parks-main".to_owned(),
            generation,
            ..submission(name, &template)
        };
        client.advance_tip("parks", "parks-main", 9).await.unwrap();
        sealer.submit_seal(of("running-1", 9, endless(1))).await.unwrap();
        let mut stale = tonic::Request::new(of("stale-<1>", 7, easy(2, 4)));
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        stale.metadata_mut().insert("traceparent", parent.parse().unwrap());
        sealer.submit_seal(stale).await.unwrap_err();
        let (messages, receiver) = mpsc::channel(4);
        messages.send(begin()).await.unwrap();
        messages.send(chunk(chain(HEADERS))).await.unwrap();
        let mut verifier = VerifyServiceClient::new(channel);
        let answers = verifier.verify_chain(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        let scene = Self { serve, client, _upload: (messages, answers) };
        // The upload publishes its progress a little later, and so does the running job.
        loop {
            let status = scene.client.status(&StatusRequest::new()).await.unwrap();
            let has_rate = status.jobs.iter().any(|job| job.ends_in.is_some());
            if has_rate && status.verifications.iter().any(|one| one.validated_through.is_some()) {
                return scene;
            }
        }
    }

    fn url(&self) -> &str {
        self.serve.dashboard.as_deref().unwrap()
    }

    fn get(&self, path: &str, host: &str) -> Answer {
        call(TcpStream::connect(self.url()).unwrap(), "GET", path, &[("host", host)], "")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_complete_without_scripts_and_explains_the_rejected_job() {
    let scene = Scene::new().await;
    let page = scene.get("/", scene.url());
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let job = &scene.client.status(&StatusRequest::new()).await.unwrap().jobs[0].job;
    let expected = [
        "land-registry",
        "deed-1",
        ">sealed<",
        ">running<",
        &job.id,
        "parks-main #9",
        "regtest",
        ">4095<",
        "hash ",
        "local callers",
        ">STALE_GENERATION<",
        "generation 7 is older than generation 9",
        "<dd>generation 9 or greater</dd>",
        "build a new template on the current tip",
        TRACE,
        "stale-&lt;1&gt;",
        "http-equiv=\"refresh\"",
        "Benchmark records of this machine",
    ];
    for words in expected {
        assert!(page.body.contains(words), "`{words}` is not in {}", page.body);
    }
    for inline in ["style=", "onclick", "<style", "javascript:", "stale-<1>"] {
        assert!(!page.body.contains(inline), "{inline}");
    }
    // A browser ignores a second one.
    let doubled = page.body.split('<').find(|tag| tag.matches(" class=").count() > 1);
    assert_eq!(doubled, None, "a tag with two attributes `class`");
    assert_eq!(page.body.matches("<script").count(), 1, "{}", page.body);
    for (path, kind) in [("/style.css", "text/css"), ("/script.js", "text/javascript"), ("/icon.svg", "image/svg+xml")]
    {
        let file = scene.get(path, scene.url());
        assert_eq!(file.status, 200, "{path}");
        assert!(file.header("content-type").unwrap().starts_with(kind), "{file:?}");
    }
    assert_eq!(scene.get("/refusals?before=1", "localhost").status, 200);
    assert_eq!(scene.get("/refusals?before=x", "localhost").status, 400);
    assert_eq!(scene.get("/nowhere", "localhost").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_name_cannot_read_the_dashboard_on_loopback() {
    let serve = Serve::start_with(&["--dashboard", "127.0.0.1:0"]);
    let address = serve.dashboard.as_deref().unwrap();
    let get = |host: &str| call(TcpStream::connect(address).unwrap(), "GET", "/", &[("host", host)], "");
    for host in ["evil.example.org", "127.0.0.1.evil.example.org:80"] {
        let refused = get(host);
        assert_eq!(refused.status, 421, "{refused:?}");
        assert!(!refused.body.contains("cpu"), "{refused:?}");
    }
    assert_eq!(get(&format!("localhost:{}", address.rsplit(':').next().unwrap())).status, 200);
    assert_eq!(serve.terminate(), Some(0));
}

/// Where the pictures go.
fn pictures() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.with_file_name("dashboard");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_live_dashboard_at_two_widths_in_light_and_dark_without_a_complaint() {
    let test = "a_browser_shows_the_live_dashboard_at_two_widths_in_light_and_dark_without_a_complaint";
    let Some(mut browser) = Browser::start() else {
        return skip(test, "chromium", "it does not start; `cargo xtask test` installs it as root on Debian");
    };
    let scene = Scene::new().await;
    let url = format!("http://{}/", scene.url());
    for (width, is_dark) in [(1440, false), (1440, true), (390, false), (390, true)] {
        browser.open(&url, width, is_dark);
        // The script has shown an update of the service.
        browser.wait_for("document.getElementById('live').dataset.state === 'on' ? true : null");
        let why = browser.wait_for("document.querySelector('[data-pane=refusals] tbody')?.innerText ?? null");
        let why = why.as_str().unwrap();
        for words in ["STALE_GENERATION", "generation 9 or greater", "build a new template", TRACE] {
            assert!(why.contains(words), "`{words}` is not in {why}");
        }
        let jobs = browser.wait_for("document.querySelector('[data-pane=jobs] tbody')?.innerText ?? null");
        assert!(jobs.as_str().unwrap().contains("sealed") && jobs.as_str().unwrap().contains("running"), "{jobs}");
        let overflow = browser.wait_for("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(overflow, 0, "the page is wider than a window of {width}");
        let name = format!("{width}-{}.png", if is_dark { "dark" } else { "light" });
        let picture = browser.picture();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{name}: {} bytes", picture.len());
        std::fs::write(pictures().join(name), picture).unwrap();
    }
    assert_eq!(browser.complaints, [""; 0]);
}
