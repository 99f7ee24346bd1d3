import Gossip
let a = CommandLine.arguments
if a[1] == "r" {
    var s = ScenarioSettings(seed: UInt64(a[2])!, nodes: Int(a[3])!)
    s.isTraced = a.count > 4
    let x = try Sweep.run(s)
    if let f = x.failure { Sweep.tell(f, s) }
} else {
let n = Int(a[1])!
print(try Sweep.run(UInt64(a[2])!...UInt64(a[3])!, nodes: n))
}
