import VolaryHubs

@main
enum Program {
    static func main() async {
        let node = HubNode()
        node.add("game") { context in Game(matches: Matches(context: context)) }
        await node.main()
    }
}
