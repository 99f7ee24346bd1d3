/// The sections that a reader accepts, and what HAProxy has in addition.
struct ConfigurationSections: Sendable {
    /// The sections that tsukada supports.
    static let all = ConfigurationSections([
        GlobalSection.self, DefaultsSection.self, ListenSection.self, FrontendSection.self, BackendSection.self, ResolversSection.self, ProbeSection.self,
        UserlistSection.self, GossipSection.self, DatabaseSection.self,
    ])

    /// The sections, in the order of messages.
    let types: [any ConfigurationSection.Type]

    init(_ types: [any ConfigurationSection.Type]) { self.types = types }

    var names: [String] { types.map { $0.name } }

    /// The section whose first line begins with `name`; `nil` if there is none.
    func section(named name: String) -> (any ConfigurationSection.Type)? { types.first { $0.name == name } }

    /// The section of a title such as "listen mysql".
    private func section(titled title: String?) -> (any ConfigurationSection.Type)? { title.flatMap { section(named: String($0.prefix { $0 != " " })) } }

    /// Whether messages must not show what follows `keyword`, the first word of a line of the section `title`. The section's own first line is shown.
    func hidesValues(of keyword: String, in title: String?) -> Bool {
        section(named: keyword) == nil && section(titled: title)?.hidesValues(of: keyword) ?? false
    }

    /// The part of the configuration to keep HAProxy for if a keyword of the section `title` is refused.
    func extent(of title: String?) -> String { section(titled: title)?.extent ?? "this file" }

    /// The lines whose options are keywords.
    static let linesWithOptions: [any KeywordPlace.Type] = [BindOptions.self, ServerOptions.self, StatsSocketOptions.self]

    /// The places that accept `keyword`.
    static func places(of keyword: String, among places: [any KeywordPlace.Type]) -> KeywordPlaces {
        KeywordPlaces(
            places.reduce(into: []) { names, place in
                for name in place.places(of: keyword) where !names.contains(name) { names.append(name) }
            })
    }
}

extension KeywordPlace {
    /// The places of its keyword `name`; empty if it does not accept the keyword.
    fileprivate static func places(of name: String) -> [String] { keywords[name]?.places.names ?? [] }
}
