import Wire

/// Bounds the work that unauthenticated HELLOs cause per second: for each source, and in total.
struct HelloLimiter: Sendable {
    private struct Source: Sendable {
        let address: SocketAddress
        var windowStart: Instant
        var count: Int
    }

    private static let window = Duration.seconds(1)

    /// Ordered by the start of the window, oldest first.
    private var sources: [Source] = []
    private var windowStart: Instant?
    private var count = 0

    var sourcesCount: Int { sources.count }

    /// True when a HELLO from `address` may be decrypted.
    mutating func admits(_ address: SocketAddress, now: Instant) -> Bool {
        if windowStart.map({ $0.advanced(by: HelloLimiter.window) <= now }) ?? true {
            windowStart = now
            count = 0
        }
        guard count < GossipLimits.hellosPerSecondMax else { return false }
        if let index = sources.firstIndex(where: { $0.address == address }) {
            if sources[index].windowStart.advanced(by: HelloLimiter.window) <= now {
                sources.remove(at: index)
            } else {
                guard sources[index].count < GossipLimits.hellosPerSourceMax else { return false }
                sources[index].count += 1
                count += 1
                return true
            }
        }
        if sources.count >= GossipLimits.helloSourcesMax { sources.removeFirst() }
        sources.append(Source(address: address, windowStart: now, count: 1))
        count += 1
        return true
    }
}
