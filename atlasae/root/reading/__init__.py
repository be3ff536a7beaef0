"""What ``atlasae.open`` returns: files, trees and branches that read like those of uproot."""
