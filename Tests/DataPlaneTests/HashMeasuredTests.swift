import Testing
import Wire

@testable import Proxy

/// A backend that hashes, and the servers that haproxy 2.6 selects for clients with known addresses. Servers are numbered from 1.
struct MeasuredHashes {
    let balance: BalanceAlgorithm
    let method: HashSettings.Method
    var function = KeyHash.sdbm
    var avalanche = false
    /// A server with weight 0 takes no sessions.
    var weights: [Int] = []
    /// The servers' `id`s; 1, 2, 3 and so on if empty.
    var identifiers: [Int] = []
    var clients = Self.clients
    var servers = ""

    /// 200 addresses, spread over all bits.
    static let clients = (1...200 as ClosedRange<UInt32>).map { IPAddress.v4($0 &* 2_654_435_761) }
    static let longClients = (1...200 as ClosedRange<UInt64>).map { number -> IPAddress in
        let words = (number * 2_654_435_761 & 0xffff_ffff, number * 40_503 & 0xffff_ffff, number * number)
        return .v6(high: 0x2001_0db8_0000_0000 | words.0, low: words.1 << 32 | words.2)
    }

    /// The settings of a backend.
    var settings: HashSettings {
        var settings = HashSettings()
        (settings.method, settings.function, settings.usesAvalanche) = (method, function, avalanche)
        return settings
    }

    /// The hash of a client: of its address, or of the key of `balance hash src`.
    func hash(of client: IPAddress) -> UInt32 {
        guard balance == .hash, case .v4(let bits) = client else { return settings.hash(of: client) }
        return withUnsafeBytes(of: bits.bigEndian) { settings.hash(of: $0) }
    }

    static let all: [MeasuredHashes] = [
        MeasuredHashes(
            balance: .source, method: .mapBased, weights: [1, 2, 3],
            servers:
                "3232313232323132323231323232313232323132323231323232313232323132323231323231313232313132323131323231"
                + "3132323132323231323232313232323132323231323232313232323132323231323232313232323132323131323231313232"),
        MeasuredHashes(
            balance: .source, method: .mapBased, weights: [5, 0, 1, 9], identifiers: [70, 2, 200_000_000, 4],
            servers:
                "4411144444111443334444411144111444441114411144444111443334444411144411444441114441144444411444334444"
                + "4411444114444441144411144444114443334444411444111444441114411144444111443334444411144111444441114411"),
        MeasuredHashes(
            balance: .source, method: .mapBased, avalanche: true, weights: [1, 2, 3],
            servers:
                "1323232232311232333233333223322332233233323322232323333232332232132133322321131233132311321131322122"
                + "1222122231332223333312333212133113323333323322313333333221332233323232322222333133322233211312233322"),
        MeasuredHashes(
            balance: .source, method: .mapBased, avalanche: true, weights: [5, 0, 1, 9], identifiers: [70, 2, 200_000_000, 4],
            servers:
                "1444444413444444141444444444441414444414144444144441444111411344441441411411441444444114414434414441"
                + "4113441414144341144114344411114444143411444111444114131314144113414414141413441444444444441444344444"),
        MeasuredHashes(
            balance: .source, method: .consistent, avalanche: true, weights: [1, 2, 3],
            servers:
                "3333222223231331331313232232332323333233333223322131313133211213333113312113322221221333232312321123"
                + "2331313221231333223333222132322332132313221332223131233232233231211333221331132331313133112333133232"),
        MeasuredHashes(
            balance: .source, method: .consistent, avalanche: true, weights: [5, 0, 1, 9], identifiers: [70, 2, 200_000_000, 4],
            servers:
                "4434413331143141441444141144144441344444441414114344144444134441111114441144441414144444144431134441"
                + "4441443441444441144414341413413444414441414144411444344411443144444444141444444444411341431143444344"),
        MeasuredHashes(
            balance: .source, method: .consistent, function: .wt6, weights: [1, 2, 3],
            servers:
                "3312313223133333213122121323331223313323323223331213213331332333322313321232233133332121321122232211"
                + "2313223313212332213122312321232222333123321333133133232333332121221213233212133132233232223332133133"),
        MeasuredHashes(
            balance: .source, method: .consistent, function: .wt6, weights: [5, 0, 1, 9], identifiers: [70, 2, 200_000_000, 4],
            servers:
                "4444434134114441434444434144444114444441444444114111444143144444441444111111443444444444441414111113"
                + "4444143341443414114414444114441444444414114144444341344141441344414344444411114144441413344441411111"),
        MeasuredHashes(
            balance: .source, method: .mapBased, function: .crc32, avalanche: true, weights: [1, 2, 3], clients: longClients,
            servers:
                "2213332231231111333333233232333213222333332332311321332332333123323131232333222112323233233122333323"
                + "2223313223331232323333332333331233213333213222323133123331233123132112123332333223333331321123222323"),
        MeasuredHashes(
            balance: .source, method: .consistent, avalanche: true, weights: [1, 2, 3], clients: longClients,
            servers:
                "2331333221223331323232323331211212322332233321332223321132323312113213331312333113133113133323131313"
                + "1321121213321312233333332313332123311313212221121212232131333233232332112321233313331231223123213313"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, weights: [2, 3, 1, 1],
            servers:
                "4222444423211122214112231113332122222121244222444423212122211112231313332121222142244212444423212122"
                + "2111122314133321212222224442122444212121222211131314133321212122124422222444212121222211131211133331"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "2242123211132423422313312332421224111213422222212211242142221124413411243112132121242221142343131221"
                + "1124111121123123212142221241122343223112122212242121142322232112222213112332142312212322112224222122"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .djb2, weights: [2, 3, 1, 1],
            servers:
                "1322421224221331222311224311324211324411314223214222311224322244212241212214212222212213312123211222"
                + "2132221132442133422131122431122431122441134421322422221432231221412221121221131421324221231222331222"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .djb2, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "1212243422432242412213322412313342113212221222212122241321342112112122342212141134412312412232131122"
                + "1421211311132134122122134121124224113223141423321343344243442144324222142132324111241142142223112131"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .wt6, weights: [2, 3, 1, 1],
            servers:
                "3422412212212123113122241311424111232221144311213322122314423121232221221221411223411211243421143323"
                + "2211212141212132144222232122212224223214223342241242414221121142213122132141434412224232214341241141"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .wt6, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "2121133222214222124211331122134421212222421214124421224132342242112213211422132321131232223122111124"
                + "1121132121111242324221222422121221221221141212112213213244421232243221223441221223222131422111131211"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .crc32, weights: [2, 3, 1, 1],
            servers:
                "4431122112232324241221224423142332242124324222212214122412321121212422232212121412421111342312213412"
                + "2234324132211113444211221222222122133232222422222122222411331144221211312424132211141211244334444211"),
        MeasuredHashes(
            balance: .hash, method: .mapBased, function: .crc32, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "2141223221324412422243241111221432121421222222132122412222413114223123122121412123114421414212212421"
                + "1241222431132143414221114122221231223321212141121123123222423222221222214121311211242223123212114221"),
        MeasuredHashes(
            balance: .hash, method: .consistent, weights: [2, 3, 1, 1],
            servers:
                "3122141441322132232214324211112134211142222242341122341222221224424432311123121243122144111312132222"
                + "2224212214332322411142422143232223312211211141213123211241242121232441214124112433221223222323122241"),
        MeasuredHashes(
            balance: .hash, method: .consistent, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "1122121112222212214243121233212411322421122121224221431344221211212221422232122122222122421112341221"
                + "4221224412232312221221142232222222234441121412232112243121222133212244141224321222241242131214124132"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .djb2, weights: [2, 3, 1, 1],
            servers:
                "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
                + "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .djb2, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "1133212122111333132312132313342122211232222112111424111121212122214132212211214112322142113141242413"
                + "4121422221322142114422314422134121322444214224123133441422411223114122222211222211231213221121222433"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .wt6, weights: [2, 3, 1, 1],
            servers:
                "1222132222221242221124422412221111241332122214111442242132122242212222122242424142131221444222413213"
                + "2121111223241442121423412211313231111221222212221412224133212211244413111412222234434222311211212122"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .wt6, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "2232222132212142132212241112114421122214131112321213222222211142231213222314221124444322224222211421"
                + "3321142213321423213134123222221412232221222411243111114212212332132431131432222414112233111431232222"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .crc32, weights: [2, 3, 1, 1],
            servers:
                "1324221332322122122221232341112112311122112242321212344212111144131144322242221422312212421222421121"
                + "1112134123211213123112321431222211423211424124424322112324324212211212132314121112311241123121212221"),
        MeasuredHashes(
            balance: .hash, method: .consistent, function: .crc32, avalanche: true, weights: [2, 3, 1, 1],
            servers:
                "4111241213242222234222134212221212212323122223334112212212133324122311222311211124113343123141222131"
                + "4321241212122114242112233412121221243213231231112412222222111214442232342212242411124122214122444244"),
    ]
}

@Suite("Hashes, measured with haproxy 2.6,")
struct HashMeasuredTests {
    @Test("select the same server for 200 clients", arguments: MeasuredHashes.all.indices)
    func servers(index: Int) {
        let measured = MeasuredHashes.all[index]
        var bench = BalancerBench(measured.weights, balance: measured.balance) { backend, _ in
            backend.hashing = measured.settings
            for (server, identifier) in measured.identifiers.enumerated() { backend.servers[server].identifier = identifier }
        }
        let servers = measured.clients.map { bench.visit(hash: measured.hash(of: $0)).map { String($0 + 1) } ?? "-" }.joined()
        #expect(servers == measured.servers, "\(measured.balance), \(measured.settings), \(measured.weights)")
    }

    /// `balance source` with `hash-type consistent`.
    private static let source = MeasuredHashes(balance: .source, method: .consistent, avalanche: true)

    private static func bench(_ weights: [Int], factor: Int = 0) -> BalancerBench {
        BalancerBench(weights, balance: .source) { backend, _ in
            backend.hashing = source.settings
            backend.hashing.balanceFactor = factor
        }
    }

    /// The servers of clients that leave at once.
    private static func visits(_ bench: inout BalancerBench, tried: [Int] = []) -> String {
        MeasuredHashes.clients.prefix(100).map { bench.visit(tried: tried, hash: source.hash(of: $0)).map { String($0 + 1) } ?? "-" }.joined()
    }

    /// The servers of clients that stay.
    private static func stays(_ bench: inout BalancerBench) -> String {
        MeasuredHashes.clients.map { bench.stay(hash: source.hash(of: $0)).map { String($0 + 1) } ?? "-" }.joined()
    }

    static let bounded: [(factor: Int, servers: String)] = [
        (
            101,
            "1434214421441241342144142314234414124413424114124143241344241141243144142142413214414343241412414123"
                + "1321441442412443441234144112424143131414421214431441224143124134414213214441441441421423123442144132"
        ),
        (
            110,
            "1434214421441213341444142211234344124442424114144141241144241114313124442442424214141343242411314123"
                + "2331423141412443244214144112434144131311421314421141234242134241414213214121441434411413112243142122"
        ),
        (
            150,
            "1434211421142141341344142212334344124243434124124141241144241114313111442442424214141343242411314123"
                + "2331423241412443244334142112424144131313421314421141234242134231414213212121441434411413112243142132"
        ),
    ]

    @Test("distribute sessions that stay within the bounds of hash-balance-factor", arguments: bounded)
    func bounds(factor: Int, servers: String) {
        var bench = Self.bench([5, 3, 2, 7], factor: factor)
        #expect(Self.stays(&bench) == servers)
    }

    @Test("round the bounds with the weights of the start, even after servers have changed")
    func staleBounds() {
        var bench = Self.bench([5, 3, 2, 7], factor: 105)
        bench.route(0) { $0.weight = 4 }
        bench.route(1) { $0.isUsable = false }
        let servers =
            "4434434443441443441444443344344444314443414444444144434344341444343144443444444334341341444434444413"
            + "3441443443444443444314444143434444134443444344444141334443444431444443444441444434414443413443444334"
        #expect(Self.stays(&bench) == servers)
    }

    @Test("follow servers that change their weight, go and come back")
    func changes() {
        var bench = Self.bench([4, 4, 4])
        #expect(Self.visits(&bench) == "3323211121131111331311132222332322133233333222122131311133321211313113312112122211121333222311311123")
        bench.route(1) { $0.weight = 4 }
        #expect(Self.visits(&bench) == "3333311121131111331311132332331321133233333213122131311133311311313113311113132311121333212311311123")
        bench.route(2) { $0.weight = 36 }
        #expect(Self.visits(&bench) == "3333311321131111333331133332331333133233333313123331311133331313333133331133333333133333212311331123")
        bench.route(0) { $0.isUsable = false }
        #expect(Self.visits(&bench) == "3333333323333333333333333332333333333233333323323333333333333323333333332333333333233333232333333323")
        bench.route(0) { ($0.isUsable, $0.weight) = (true, 4) }
        #expect(Self.visits(&bench) == "3333333323333331333333333332333333333233333323323331313133331313333133332133333333233333232333331323")
    }

    @Test("select the next server on the ring after a failed connect")
    func redispatch() {
        var bench = Self.bench([1, 1, 1])
        let (first, second) = (Self.visits(&bench), Self.visits(&bench, tried: [0]))
        let expected = "3333332323233333232323222332332323323223323222222333232232332323323323332323322332222232222233223223"
        #expect(second == expected)
        #expect(zip(first, second).allSatisfy { $0 == $1 || $0 == "1" }, "other clients keep their servers")
    }

    @Test("let sessions without a key take turns on the map")
    func turnsOfMap() {
        var bench = BalancerBench([3, 1, 2], balance: .hash)
        #expect(bench.turns(12) == "113123113123")
    }

    @Test("let sessions without a key take turns on the ring, also after servers go, come back and change their weight")
    func turnsOfRing() {
        func bench(_ weights: [Int]) -> BalancerBench { BalancerBench(weights, balance: .hash) { backend, _ in backend.hashing.method = .consistent } }
        var equal = bench([1, 1, 1])
        #expect(equal.turns(60) == "332131123111223133231233121323211321223213213212332131123111")
        equal.route(0) { $0.isUsable = false }
        #expect(equal.turns(20) == "23332323323232322232")
        equal.route(0) { $0.isUsable = true }
        #expect(equal.turns(50) == "13213212332131123111223133231233121323211321223213")
        var weighted = bench([2, 1, 3])
        #expect(weighted.turns(20) == "33333313333321111313")
        weighted.route(2) { $0.weight = 4 }
        #expect(weighted.turns(30) == "231111212313323111213131121132")
    }
}
