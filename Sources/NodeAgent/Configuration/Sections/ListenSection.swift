import Proxy

/// `listen`: a frontend and its backend in one.
struct ListenSection: ProxySection {
    static let kind = ProxyKind.listen
    static let keywords = ProxyKeywords.table(of: kind)
    static let foreignKeywords = ProxyForeignKeywords.ofListen

    var draft: ProxyDraft
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = ProxyDraft(kind: Self.kind, location: location) }
}
