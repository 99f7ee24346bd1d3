import Proxy

/// A `userlist` section being parsed. Nothing uses its passwords, so they are not kept.
struct UserlistDraft: Sendable {
    /// The names after `users` or `groups`, which must be those of other lines.
    struct Members: Sendable {
        let keyword: String
        let names: [String]
        let location: ConfigurationLocation
    }

    var name = ""
    var users: [String] = []
    var groups: [String] = []
    var members: [Members] = []

    /// References to users and groups that the section does not have, up to the most diagnostics that are kept.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        let (knownUsers, knownGroups) = (Set(users), Set(groups))
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        for list in members {
            let isUsers = list.keyword == "users"
            for name in list.names where !(isUsers ? knownUsers : knownGroups).contains(name) {
                guard problems.count < ConfigurationDraft.diagnosticsMax else { return problems }
                let suggestion = Spelling.nearest(to: name, among: isUsers ? users : groups)
                let problem = ConfigurationProblem.unknownName(name, kind: isUsers ? "user" : "group", of: list.keyword, suggestion: suggestion)
                problems.append((list.location, problem))
            }
        }
        return problems
    }
}

/// `userlist`: users with passwords, and groups.
struct UserlistSection: ConfigurationSection {
    static let name = "userlist"
    static let extent = "this file"

    static func hidesValues(of keyword: String) -> Bool { keywords[keyword] == nil || keyword == "user" }

    static let usersMax = 4_096
    static let groupsMax = 1_024

    let location: ConfigurationLocation
    var draft = UserlistDraft()
    var uses: [String: ConfigurationLocation] = [:]
    /// True for the second section of a name, which HAProxy ignores with a warning.
    private var isDuplicate = false

    init(at location: ConfigurationLocation) { self.location = location }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name>"
        draft.name = try line.takeName()
        try line.end()
        guard let first = configuration.register(draft.name, kind: "'userlist' section", at: location) else { return }
        isDuplicate = true
        line.warn(.custom("duplicate 'userlist' section '\(draft.name)'", advice: "the one at \(first) counts: remove this one"))
    }

    func finish(in configuration: inout ConfigurationDraft) { if !isDuplicate { configuration.sections.append(self) } }

    static let keywords = KeywordTable<UserlistDraft>([
        Keyword("group", .userlist, "<name> [users <user>[,...]]", repetition: .many, "A group, and users that belong to it.", group),
        Keyword(
            "user", .userlist, "<name> [password <hash>|insecure-password <password>] [groups <group>[,...]]", repetition: .many,
            "A user with the hash of a password, as crypt(3) makes it, or with the password itself.", user),
    ])

    @Sendable private static func group(_ list: inout UserlistDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeText("a group's name")
        let users = line.peek == nil ? nil : try line.takeMembers("users")
        if list.groups.contains(name) { return line.warn(duplicate("group", name)) }
        guard list.groups.count < groupsMax else { throw .tooMany(what: "groups", limit: groupsMax) }
        list.groups.append(name)
        if let users { list.members.append(users) }
    }

    @Sendable private static func user(_ list: inout UserlistDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeText("a user's name")
        var groups: UserlistDraft.Members?
        while let word = line.peek {
            switch word {
            case "password", "insecure-password":
                line.next += 1
                _ = try line.takeRequired()
            case "groups": groups = try line.takeMembers("groups")
            // The word may be a password, so the message does not quote it.
            default: throw .custom("unknown word after 'user \(name)'", advice: "write 'password', 'insecure-password' or 'groups' before the values")
            }
        }
        if list.users.contains(name) { return line.warn(duplicate("user", name)) }
        guard list.users.count < usersMax else { throw .tooMany(what: "users", limit: usersMax) }
        list.users.append(name)
        if let groups { list.members.append(groups) }
    }

    private static func duplicate(_ kind: String, _ name: String) -> ConfigurationProblem {
        .custom("duplicate \(kind) '\(name)'", advice: "the first one counts: remove this one")
    }
}

extension ConfigurationLine {
    /// Takes `keyword` and a list of names separated by commas; empty names are left out.
    fileprivate mutating func takeMembers(_ keyword: String) throws(ConfigurationProblem) -> UserlistDraft.Members {
        _ = try takeChoice([keyword: true])
        return UserlistDraft.Members(keyword: keyword, names: try takeRequired().split(separator: ",").map(String.init), location: location)
    }
}

extension KeywordPlaces {
    fileprivate static let userlist: KeywordPlaces = ["userlist"]
}
