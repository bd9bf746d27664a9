import VolaryHubs

@main
enum Program {
    static func main() async {
        let node = HubNode()
        node.add("reference", ReferenceHub())
        await node.main()
    }
}
