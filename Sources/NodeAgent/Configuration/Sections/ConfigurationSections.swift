/// The sections that there are.
enum ConfigurationSections {
    /// Those that tsukada reads.
    static let all: [any ConfigurationSection.Type] = [
        GlobalSection.self, DefaultsSection.self, ListenSection.self, FrontendSection.self, BackendSection.self, ResolversSection.self, ProbeSection.self,
        GossipSection.self, DatabaseSection.self,
    ]

    /// The lines whose options are keywords.
    static let linesWithOptions: [any KeywordPlace.Type] = [BindOptions.self, ServerOptions.self, StatsSocketOptions.self]

    /// Sections of HAProxy's that tsukada does not read: an error at their start, and their lines are skipped.
    static let foreign = [
        ForeignKeywords(
            .harmless(advice: "keep HAProxy for what needs it"),
            "acme;cache;crt-store;fcgi-app;healthcheck;http-errors;log-forward;log-profile;mailers;peers;program;ring;traces;userlist")
    ]

    static let names = all.map { $0.name }

    /// The section that a line begins with `name`.
    static func section(named name: String) -> (any ConfigurationSection.Type)? { all.first { $0.name == name } }

    /// What is wrong with a line that begins with the section `name` of HAProxy's; `nil` when there is none.
    static func problem(withForeign name: String) -> ConfigurationProblem? {
        foreign.first { $0.contains(name) }?.reason.problem(with: name, extent: "this file")
    }

    /// Where `keyword` may stand.
    static func places(of keyword: String, among places: [any KeywordPlace.Type]) -> KeywordPlaces {
        KeywordPlaces(
            places.reduce(into: []) { names, place in
                for name in place.places(of: keyword) where !names.contains(name) { names.append(name) }
            })
    }
}

extension KeywordPlace {
    /// The places of its keyword `name`, itself among them; none when it does not take it.
    fileprivate static func places(of name: String) -> [String] { keywords[name]?.places.names ?? [] }
}
