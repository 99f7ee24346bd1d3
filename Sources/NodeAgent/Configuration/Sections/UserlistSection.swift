import Proxy

/// A `userlist` section: users and their groups.
struct Userlist: Equatable, Sendable {
    /// How a user's password is stored.
    enum Password: Equatable, Sendable {
        /// `password`: a hash in the form of crypt(3).
        case hashed(String)
        /// `insecure-password`: the password itself.
        case plain(String)
    }

    /// One user.
    struct User: Equatable, Sendable {
        /// The user's name.
        var name: String
        /// The password; `nil` for a user that cannot log in.
        var password: Password?
        /// The groups, in the order of the file.
        var groups: [String] = []
    }

    /// The section's name.
    var name: String
    /// The users, in the order of the file.
    var users: [User] = []
    /// The names of the groups, in the order of the file.
    var groups: [String] = []
}

/// A `userlist` section being parsed.
struct UserlistDraft: Sendable {
    /// A `group` line.
    struct Group: Sendable {
        let name: String
        let users: [String]
        let location: ConfigurationLocation
    }

    var name = ""
    var users: [(user: Userlist.User, location: ConfigurationLocation)] = []
    var groups: [Group] = []

    /// References to users and groups that the section does not have.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        let (userNames, groupNames) = (users.map(\.user.name), groups.map(\.name))
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        for (user, location) in users {
            for group in user.groups where !groupNames.contains(group) {
                problems.append((location, .unknownName(group, kind: "group", of: "groups", suggestion: Spelling.nearest(to: group, among: groupNames))))
            }
        }
        for group in groups {
            for user in group.users where !userNames.contains(user) {
                problems.append((group.location, .unknownName(user, kind: "user", of: "users", suggestion: Spelling.nearest(to: user, among: userNames))))
            }
        }
        return problems
    }

    /// The section in the form of the configuration model: each user has the groups of its own line and those whose lines name it.
    var finished: Userlist {
        var list = Userlist(name: name)
        list.groups = groups.map(\.name)
        list.users = users.map { entry in
            var user = entry.user
            user.groups += groups.filter { $0.users.contains(user.name) && !user.groups.contains($0.name) }.map(\.name)
            return user
        }
        return list
    }
}

/// `userlist`: users with passwords, and groups.
struct UserlistSection: ConfigurationSection {
    static let name = "userlist"
    static let extent = "this file"
    static let hidesJoinedValues = true

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
        let users = line.peek == nil ? [] : try line.takeMembers("users")
        if list.groups.contains(where: { $0.name == name }) { return line.warn(duplicate("group", name)) }
        guard list.groups.count < groupsMax else { throw .tooMany(what: "groups in a section", limit: groupsMax) }
        list.groups.append(UserlistDraft.Group(name: name, users: users, location: line.location))
    }

    @Sendable private static func user(_ list: inout UserlistDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var user = Userlist.User(name: try line.takeText("a user's name"))
        while let word = line.peek {
            switch word {
            case "password", "insecure-password":
                line.next += 1
                let password = try line.takeRequired()
                user.password = word == "password" ? .hashed(password) : .plain(password)
            case "groups": user.groups = try line.takeMembers("groups")
            // The word may be a password, so the message does not quote it.
            default: throw .custom("unknown word after 'user \(user.name)'", advice: "write 'password', 'insecure-password' or 'groups' before the values")
            }
        }
        if list.users.contains(where: { $0.user.name == user.name }) { return line.warn(duplicate("user", user.name)) }
        guard list.users.count < usersMax else { throw .tooMany(what: "users in a section", limit: usersMax) }
        list.users.append((user, line.location))
    }

    private static func duplicate(_ kind: String, _ name: String) -> ConfigurationProblem {
        .custom("duplicate \(kind) '\(name)'", advice: "the first one counts: remove this one")
    }
}

extension ConfigurationLine {
    /// Takes `keyword` and a list of names separated by commas; empty names are left out.
    fileprivate mutating func takeMembers(_ keyword: String) throws(ConfigurationProblem) -> [String] {
        _ = try takeChoice([keyword: true])
        return try takeRequired().split(separator: ",").map(String.init)
    }
}

extension KeywordPlaces {
    fileprivate static let userlist: KeywordPlaces = ["userlist"]
}
