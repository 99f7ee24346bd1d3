import Proxy

/// `backend`: servers.
struct BackendSection: ProxySection {
    static let kind = ProxyKind.backend
    static let keywords = ProxyKeywords.table(of: kind)
    static let foreignKeywords = ProxyForeignKeywords.ofBackend

    var draft: ProxyDraft
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = ProxyDraft(kind: Self.kind, location: location) }
}
