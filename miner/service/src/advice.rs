//! What a caller can do about a refusal, by its reason.

/// One sentence for people; empty for a reason that is not the service's own.
pub fn what_to_do(reason: &str) -> &'static str {
    match reason {
        "INVALID_FIELD" => "Correct the named field and send the request again.",
        "INVALID_CHUNK" => "Send whole headers of 80 bytes, or whole blocks, in each chunk.",
        "UPLOAD_OUT_OF_ORDER" => "Send Begin, then Chunks, then Finish, in this order.",
        "RESUME_TOKEN_REFUSED" | "RULES_DIFFER" => "Send the chain again from its beginning, without the token.",
        "UNREADABLE_MESSAGE" => "Check that client and service use the same cityseal.v1 protocol files.",
        "NOT_GRPC" => "Use a gRPC client; this port does not serve web pages.",
        "MESSAGE_TOO_LARGE" => "Send smaller messages: at most 4 MiB in an upload, 1 MiB elsewhere.",
        "SEQ_OUT_OF_RANGE" => "Watch again from an event that is still kept, or from 1 if the job is new.",
        "UNKNOWN_METHOD" => "Check the name of the method and the version of the service.",
        "UNSUPPORTED_ENCODING" => "Send messages without compression.",
        "UNAUTHENTICATED" => "Present a valid client certificate or token; it may be expired, revoked or unknown.",
        "SCOPE_MISSING" => "Ask the operator for a credential with this scope.",
        "JOB_NOT_FOUND" => "Check the id and the epoch: after a restart or a day, submit the job again.",
        "NOT_FOUND" => "Check the name of the service in the health check.",
        "REQUEST_ID_REUSED" => "Choose a new request_id for new content.",
        "STALE_GENERATION" => "The work is out of date: build a new template on the current tip.",
        "FOREIGN_TENANT" => "Leave the field tenant empty, or use the credential of that tenant.",
        "NO_RECEIPT_KEY" => "Start the service with --key, or ask for no receipt.",
        "NO_RECEIPT" => "Ask for no receipt, or send the chain again from its beginning.",
        "QUOTA_EXCEEDED" => "Wait a second and try again; end jobs and uploads that are not needed.",
        "INFEASIBLE_DEADLINE" => {
            "Give the job more time, an easier target or a higher priority, or accept a lower probability."
        }
        "NO_GPU" => "Wait until a GPU is ready, or let jobs run on the CPU: `when_no_gpu` of the tenant or the job.",
        "UPLOAD_IDLE" => "Send at least 64 KiB in 30 seconds; resume with the last token.",
        "DEADLINE_PASSED" => "Allow the call more time, or send the request faster.",
        "CALL_CANCELLED" => "The caller itself cancelled the call.",
        "DRAINING" => "The service is shutting down: try again in a moment, or use another one.",
        "JOURNAL_UNAVAILABLE" => "Free space on the disk of the journal; running jobs continue.",
        "INTERNAL" | "UNAVAILABLE" => "Try again; if it repeats, read the log of the service.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reasons in the table of `docs/SERVICE.md`.
    fn documented() -> Vec<String> {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SERVICE.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows = page.lines().skip_while(|line| !line.starts_with("| reason | code |")).skip(2);
        let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
    }

    #[test]
    fn every_documented_reason_of_the_service_has_advice() {
        let reasons = documented();
        assert!(reasons.len() > 20, "{reasons:?}");
        for reason in reasons.iter().filter(|reason| *reason != "REFUSED") {
            assert!(what_to_do(reason).ends_with('.'), "{reason}");
        }
        assert_eq!(what_to_do("REFUSED"), "");
    }
}
