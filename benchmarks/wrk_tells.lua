-- What benchmarks/peers.py reads: requests, errors, microseconds, bytes received.
function done(summary)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("TOLD %d %d %d %d", summary.requests, failed, summary.duration, summary.bytes))
end
