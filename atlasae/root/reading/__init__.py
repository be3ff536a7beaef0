"""What atlasae.open gives: files, trees and branches that read like uproot's."""
