import FuzzWorld
import Glibc
import Wire

// Requests to the probe's port: no input may crash the process, and the result must not depend on how the bytes are split.

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /health HTTP/1.0\nConnection: Keep-Alive\n\n", "\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\nGET",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    ]
    return heads.enumerated().map { ("head-\($0.offset)", Array($0.element.utf8)) }
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        let bytes = Array(UnsafeBufferPointer(start: start, count: count))
        let whole = HTTPRequestHead.parse(bytes[...])
        // A slice from the middle of an array gives the same result.
        let shifted = ([0, 0, 0] + bytes)[3...]
        precondition(HTTPRequestHead.parse(shifted) == whole, "the offset of the bytes changes the result")
        switch whole {
        case .request(_, let taken):
            precondition((1...bytes.count).contains(taken) && bytes[taken - 1] == 10, "a head of \(taken) of \(bytes.count) bytes")
            precondition(HTTPRequestHead.parse(bytes[..<taken]) == whole, "later bytes change the result")
            if taken > 1 { precondition(HTTPRequestHead.parse(bytes[..<(taken - 1)]) == .incomplete, "a head is complete before its end") }
        case .incomplete:
            precondition(bytes.count < HTTPRequestHead.headBytesMax, "it waits for more than \(bytes.count) bytes")
        case .malformed:
            precondition(HTTPRequestHead.parse((bytes + Array("\r\n\r\n".utf8))[...]) == .malformed, "later bytes make a malformed head valid")
        }
        return 0
    })
