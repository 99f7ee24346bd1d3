import Proxy

/// `frontend`: addresses that clients connect to.
struct FrontendSection: ProxySection {
    static let kind = ProxyKind.frontend
    static let keywords = ProxyKeywords.table(of: kind)
    static let foreignKeywords = ProxyForeignKeywords.ofFrontend

    var draft: ProxyDraft
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = ProxyDraft(kind: Self.kind, location: location) }
}
