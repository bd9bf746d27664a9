import ArgumentParser
import Node

@main struct V: ParsableCommand {}
