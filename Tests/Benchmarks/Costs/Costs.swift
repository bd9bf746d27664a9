import Cases

/// `costs` lists the cases; `costs NAME ROUNDS` runs one. The cost of the operation is the cost of twice the rounds minus that of
/// the rounds, because the start of the program is in both.
@main
struct Costs {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard let name = arguments.first else {
            for one in Case.all { print(one.name, one.count, one.unit) }
            return
        }
        guard let one = Case.all.first(where: { $0.name == name }), let rounds = arguments.last.flatMap(Int.init) else {
            fatalError("usage: costs [NAME ROUNDS]")
        }
        one.prepare()(rounds)
    }
}
